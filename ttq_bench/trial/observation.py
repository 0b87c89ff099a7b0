"""What is observed while a converted network is trained; it changes no number of the training."""

import math
from dataclasses import asdict
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict
from torch import nn

from ttq_bench.records.consistency import NOT_POSITIVE
from ttq_bench.ternary.conversion import latent_of, quantized_layers, quantizer_of
from ttq_bench.ternary.weight_stats import LayerStatistics, statistics_and_codes
from ttq_bench.trial.scale_invariance import GaugeWatch

HISTOGRAM_BINS = 64


class Observation:
    """Code flips and the gauge of one network, epoch by epoch."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.gauge = GaugeWatch(model)
        layers = [layer for _, layer in quantized_layers(model)]
        self.codes = [quantizer_of(layer).codes(latent_of(layer)) for layer in layers]
        self.gauge.begin_epoch()

    def state_dict(self) -> dict[str, Any]:
        """Return what was observed of the epoch so far, on the host."""
        sums = {name: tensor.cpu() for name, tensor in self.gauge.buffers().items()}
        return {"codes": [codes.cpu() for codes in self.codes], "gauge": sums}

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Load what ``state_dict`` returned."""
        for codes, saved in zip(self.codes, state["codes"], strict=True):
            codes.copy_(saved)
        for name, tensor in self.gauge.buffers().items():
            tensor.copy_(state["gauge"][name])

    def after_backward(self) -> None:
        """Observe a step that has its gradients, before the optimiser uses them."""
        self.gauge.after_backward()

    def end_epoch(self, *, stepped: bool = True) -> list[dict[str, Any]]:
        """Return the statistics of each layer with its flips and gauge, and start the next epoch.

        Flips and residue are None where no step was trained: at the start of a run.
        """
        gauges = self.gauge.end_epoch()
        self.gauge.begin_epoch()
        before, (statistics, self.codes) = self.codes, statistics_and_codes(self.model)
        changed = [
            (now != then).float().mean() for then, now in zip(before, self.codes, strict=True)
        ]
        flips = torch.stack(changed).tolist() if changed else []
        return [
            {
                "layer_index": index,
                **asdict(layer),
                "code_flips": flipped if stepped else None,
                "gauge_residue": None,
                **gauges.get(layer.layer, {}),
                "alarms": layer_alarms(layer),
            }
            for index, (layer, flipped) in enumerate(zip(statistics, flips, strict=True))
        ]


def layer_alarms(layer: LayerStatistics) -> list[str]:
    """Return what is wrong with a layer (a saturated one has a threshold and yet no zeros)."""
    alarms = ["dead layer: all weights are zero"] if layer.zero_share == 1 else []
    if layer.threshold > 0 and layer.zero_share == 0:
        alarms.append("saturated layer: no weight is zero")
    if not layer.smallest_scale > 0 and layer.zero_share < 1:  # not a number, too
        alarms.append(NOT_POSITIVE)
    return alarms


class Histogram(BaseModel):
    """Counts of a layer's latent weights in equal bins from ``-reach`` to ``reach``."""

    model_config = ConfigDict(frozen=True, strict=True)

    layer: str
    reach: float
    counts: list[int]


def histograms(model: nn.Module) -> list[Histogram]:
    """Return a histogram of each layer; its reach is the largest magnitude.

    A layer with a weight that is not finite has none: its trial is about to end as diverged.
    """
    drawn = []
    for name, layer in quantized_layers(model):
        values = latent_of(layer).detach().float().cpu().flatten()
        reach = float(values.abs().max()) or 1.0
        if not math.isfinite(reach):
            continue
        counts = torch.histogram(values, HISTOGRAM_BINS, range=(-reach, reach)).hist
        drawn.append(Histogram(layer=name, reach=reach, counts=counts.int().tolist()))
    return drawn
