"""What is watched while a converted network is trained; nothing here can move a number of it.

The gauge: where a layer feeds batch normalisation the true gradients of its scales obey
W_p * g_p + W_n * g_n = 0 at every step. The residue tells how well they do, in the precision and
with the normalisation's epsilon of the run.
"""

from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from ttq_bench.ternary.conversion import latent_of, quantized_layers, quantizer_of
from ttq_bench.ternary.quantizers import Quantizer
from ttq_bench.ternary.weight_stats import LayerStatistics, layer_statistics

HISTOGRAM_BINS = 64


class Observation:
    """Code flips and gauge residues of one network, epoch by epoch."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.gauged = [name for name, layer in quantized_layers(model) if _is_gauged(layer)]
        self.pairs = [quantizer_of(model.get_submodule(name)) for name in self.gauged]
        self._begin_epoch()

    def _begin_epoch(self) -> None:
        layers = [layer for _, layer in quantized_layers(self.model)]
        self.codes = [quantizer_of(layer).codes(latent_of(layer)) for layer in layers]
        self.sums: Tensor | None = None
        self.stepped = False

    @torch.no_grad()
    def after_backward(self) -> None:
        """Add each layer's |W_p g_p + W_n g_n| and |W_p g_p| + |W_n g_n| of this step."""
        self.stepped = True
        if not self.pairs:
            return
        # A few operations on all layers at once: one after the other they would cost a step 2 %.
        positive, negative = (
            _terms(self.pairs, name) for name in ("positive_scale", "negative_scale")
        )
        terms = torch.stack([(positive + negative).abs(), positive.abs() + negative.abs()])
        self.sums = terms if self.sums is None else self.sums.add_(terms)

    def end_epoch(self) -> list[dict[str, Any]]:
        """Return the statistics of each layer with its flips and residue, and begin anew.

        Both are None where no step was observed: at the start of a run.
        """
        before, residues = self.codes, self._residues()
        stepped = self.stepped
        self._begin_epoch()
        return [
            {
                "layer_index": index,
                **asdict(layer),
                "code_flips": float((now != then).float().mean()) if stepped else None,
                "gauge_residue": residues.get(layer.layer),
                "alarms": layer_alarms(layer),
            }
            for index, (layer, then, now) in enumerate(
                zip(layer_statistics(self.model), before, self.codes, strict=True)
            )
        ]

    def _residues(self) -> dict[str, float]:
        """Return residue over size of each gauged layer, both summed over steps and channels."""
        if self.sums is None:
            return {}
        counts = [pair.positive_scale.numel() for pair in self.pairs]  # type: ignore[union-attr]
        by_layer = [part.sum(1) for part in torch.split(self.sums, counts, 1)]
        return {
            name: float(residue / size)
            for name, (residue, size) in zip(self.gauged, by_layer, strict=True)
        }


def layer_alarms(layer: LayerStatistics) -> list[str]:
    """Return what is wrong with a layer (a saturated one has a threshold and yet no zeros)."""
    found = ["dead layer: all weights are zero"] if layer.zero_share == 1 else []
    if layer.threshold > 0 and layer.zero_share == 0:
        found.append("saturated layer: no weight is zero")
    if layer.smallest_scale < 0:
        found.append("negative scale")
    return found


def _is_gauged(layer: nn.Module) -> bool:
    quantizer = quantizer_of(layer)
    method = quantizer.method
    summed = method.scales == "learned_pair" and method.scale_gradient != "mean"
    return summed and quantizer.feeds_batch_norm == "yes"


def _terms(pairs: list[Quantizer], name: str) -> Tensor:
    """Return scale times true gradient, of all channels of all layers in a row."""
    scales: list[Tensor] = [getattr(pair, name) for pair in pairs]
    values = torch.cat([scale.detach().reshape(-1) for scale in scales])
    gradients = torch.cat([scale.grad.reshape(-1) for scale in scales])  # type: ignore[union-attr]
    printed = name == "negative_scale" and pairs[0].method.scale_gradient == "as_printed"
    return -values * gradients if printed else values * gradients


def histograms(model: nn.Module) -> list[dict[str, Any]]:
    """Return by layer the largest magnitude, and counts of latent weights between -it and +it."""
    found = []
    for name, layer in quantized_layers(model):
        values = latent_of(layer).detach().float().cpu().flatten()
        reach = float(values.abs().max()) or 1.0
        counts = torch.histogram(values, HISTOGRAM_BINS, range=(-reach, reach)).hist
        found.append({"layer": name, "reach": reach, "counts": counts.int().tolist()})
    return found
