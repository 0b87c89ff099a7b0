"""The gauge of layers that feed batch normalisation, watched at every step of a training.

There only the ratio of W_p and W_n has an effect on the function, so that true gradients obey
W_p * g_p + W_n * g_n = 0 at every step, and the size of the pair is moved by weight decay and by
the length of the steps alone (see ``selfchecks.py``).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ttq_bench.ternary.conversion import quantized_layers, quantizer_of
from ttq_bench.ternary.fused.gpu import in_a_row, kernels_for, launch
from ttq_bench.ternary.quantizers import Quantizer

SCALES = ("positive_scale", "negative_scale")
BLOCK = 256  # pairs of scales that a program of the kernel takes


class GaugeWatch:
    """Sums over the steps of one epoch, for all gauged layers at once.

    A few operations on all scales in a row: layer after layer they would cost a step 2 %. N is the
    number of scale pairs: one a layer, or one an output channel.
    """

    def __init__(self, model: nn.Module) -> None:
        layers = [(name, quantizer_of(layer)) for name, layer in quantized_layers(model)]
        chosen = [(name, quantizer) for name, quantizer in layers if _is_gauged(quantizer)]
        self.names = [name for name, _ in chosen]
        self.quantizers = [quantizer for _, quantizer in chosen]
        self.counts = [getattr(quantizer, SCALES[0]).numel() for quantizer in self.quantizers]
        if self.quantizers:
            # Made once and changed in place: a CUDA graph of a step keeps their addresses.
            self.before = _in_a_row(self.quantizers).detach().clone()
            self.sums = torch.zeros_like(self.before[0]).repeat(3, 1)

    def buffers(self) -> dict[str, Tensor]:
        """Return what is kept from step to step, by name."""
        return {"before": self.before, "sums": self.sums} if self.quantizers else {}

    @torch.no_grad()
    def begin_epoch(self) -> None:
        """Forget the sums."""
        if self.quantizers:
            self.before.copy_(_in_a_row(self.quantizers))
            self.sums.zero_()

    @torch.no_grad()
    def after_backward(self) -> None:
        """Observe a step that has its gradients, before the optimiser uses them."""
        if not self.quantizers:
            return
        values = _in_a_row(self.quantizers)
        if module := kernels_for(values):
            pairs, gradients = values.shape[1], _in_a_row(self.quantizers, gradients=True)
            launch(
                module.watch_pairs, -(-pairs // BLOCK), values, gradients, self.before, self.sums,
                pairs, BLOCK=BLOCK,
            )  # fmt: skip
            return
        terms = values * _in_a_row(self.quantizers, gradients=True)
        both = terms.sum(0).abs(), terms.abs().sum(0)
        self.sums += torch.stack([*both, self._step_length(values)])
        self.before.copy_(values)

    @torch.no_grad()
    def end_epoch(self) -> dict[str, dict[str, float | None]]:
        """Return by layer, summed over steps and channels, what an epoch's rows say.

        ``gauge_residue`` is |W_p g_p + W_n g_n| over |W_p g_p| + |W_n g_n| (None if all are zero),
        ``scale_path`` the squared length of the steps of both scales, ``scale_squares`` and
        ``scale_sum`` are W_p^2 + W_n^2 and W_p + W_n now.
        """
        if not self.quantizers:
            return {}
        values = _in_a_row(self.quantizers)
        self.sums[2] += self._step_length(values)
        table = torch.cat([self.sums, values.square().sum(0)[None], values.sum(0)[None]])
        table = table.double().cpu()  # at once: a GPU stands still each time
        parts = [part.sum(1).tolist() for part in torch.split(table, self.counts, 1)]
        names = ("scale_path", "scale_squares", "scale_sum")
        return {
            name: {
                "gauge_residue": residue / size if size else None,
                **dict(zip(names, others, strict=True)),
            }
            for name, (residue, size, *others) in zip(self.names, parts, strict=True)
        }

    def _step_length(self, values: Tensor) -> Tensor:
        """Return the squared length of the last step of each pair [N], 0 before the first."""
        return (values - self.before).square_().sum(0)


def _is_gauged(quantizer: Quantizer) -> bool:
    method = quantizer.method
    summed = method.scales == "learned_pair" and method.scale_gradient != "mean"
    return summed and quantizer.feeds_batch_norm == "yes"


def _gradient(scale: Tensor) -> Tensor:
    return torch.zeros_like(scale) if scale.grad is None else scale.grad


def _in_a_row(quantizers: Sequence[Quantizer], *, gradients: bool = False) -> Tensor:
    """Return W_p and W_n, or their true gradients, of all channels of all layers: [2, N]."""
    scales: list[Tensor] = [getattr(q, name) for name in SCALES for q in quantizers]
    known = [_gradient(scale) for scale in scales] if gradients else scales
    rows = in_a_row(known).view(2, -1)
    if gradients and quantizers[0].method.scale_gradient == "as_printed":
        rows[1].neg_()
    return rows
