"""The weights of all quantized layers at once: a few operations instead of some twenty a layer.

Small networks wait for operations to be called, not for their arithmetic. So the latent weights of
all L layers are laid out in R rows of ``ROW`` numbers, each layer in whole rows, in the order of
its memory, zeros behind its last weight; one threshold or scale a layer is spread over its rows.
What is computed is the same as layer by layer, to the bit on a CPU: tests/ternary/test_fused.py.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ttq_bench.ternary.conversion import latent_of, quantized_layers, quantizer_of
from ttq_bench.ternary.gradients import Pair, binary_sets, quantized, ternary_sets
from ttq_bench.ternary.quantizers import Quantizer

FOUR = 4  # dimensions of a convolution's weights
ROW = 256  # divides the weights of every 3x3 layer of the CIFAR ResNets: no padding there


def fuse_(model: nn.Module) -> nn.Module:
    """Let ``model`` compute all its quantized weights when it is called, and return it.

    ``module.weight`` outside of a call, latent weights and scales stay as they are. Nothing changes
    for a network whose layers do not follow one rule, or have a step of their own (normalised
    latent weights, scales of output channels, BWN's gradient).
    """
    layers = [layer for _, layer in quantized_layers(model)]
    if layers and _follow_one_rule([quantizer_of(layer) for layer in layers]):
        fused = FusedLayers(layers)
        model.register_forward_pre_hook(fused.prepare)
        model.register_forward_hook(fused.forget, always_call=True)
    return model


def _follow_one_rule(quantizers: Sequence[Quantizer]) -> bool:
    rules = {(q.method, q.strategy, q.normalise_latent, q.shared) for q in quantizers}
    method, _, normalised, shared = next(iter(rules))
    of_its_own = normalised or shared or method.latent_gradient == "clipped_sign"
    return len(rules) == 1 and not of_its_own


class Layout:
    """Where each layer's weights lie among the rows."""

    def __init__(self, counts: Sequence[int], device: torch.device) -> None:
        rows = [-(-count // ROW) for count in counts]
        self.sizes = [part for n, r in zip(counts, rows, strict=True) for part in (n, r * ROW - n)]
        layer_of_row = torch.repeat_interleave(torch.arange(len(rows)), torch.tensor(rows))
        self.layer_of_row = layer_of_row.to(device)
        # Sums over layers of sums over rows, as a product: one deterministic operation on a GPU.
        members = torch.arange(len(rows))[:, None] == layer_of_row
        self.members = members.to(device, torch.float32) if device.type == "cuda" else None
        self.padding = [torch.zeros(size, device=device) for size in self.sizes[1::2]]

    def rows(self, layers: Sequence[Tensor]) -> Tensor:
        """Return the numbers of all layers [n each] in rows [R, ROW]."""
        parts = [part for pair in zip(layers, self.padding, strict=True) for part in pair]
        return torch.cat([part for part in parts if part.numel()]).view(-1, ROW)

    def layers(self, rows: Tensor) -> Sequence[Tensor]:
        """Return the numbers of each layer [n each] out of rows [R, ROW]."""
        return torch.split(rows.view(-1), self.sizes)[::2]

    def spread(self, values: Tensor) -> Tensor:
        """Return one number a layer [L] as one a row [R, 1]."""
        return values[self.layer_of_row, None]

    def sums(self, rows: Tensor) -> Tensor:
        """Return the sum of each layer [L] over its numbers in rows [R, ROW]."""
        if self.members is not None:
            return self.members.to(rows.dtype) @ rows.sum(1)
        return torch.stack([layer.sum() for layer in self.layers(rows)])


class FusedLayers:
    """Hooks around a network's call: quantized weights of all layers before, none kept after."""

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        self.layers = list(layers)
        self.quantizers = [quantizer_of(layer) for layer in layers]
        self.layout: Layout | None = None

    def prepare(self, *_: object) -> None:
        """Compute the weights of all layers; each quantizer then answers with its own."""
        latents = [latent_of(layer) for layer in self.layers]
        if self.layout is None or self.layout.layer_of_row.device != latents[0].device:
            self.layout = Layout([latent.numel() for latent in latents], latents[0].device)
        rows = self.layout.rows([_in_memory_order(latent) for latent in latents])
        sets, scales = self._sets_and_scales(rows, self.layout)
        found = quantized(rows, sets, scales, self.quantizers[0].method, self.layout)
        parts = self.layout.layers(found)
        for quantizer, latent, part in zip(self.quantizers, latents, parts, strict=True):
            quantizer.prepared = _as_laid_out(part, latent)

    def forget(self, *_: object) -> None:
        """Let each quantizer compute its weights itself again."""
        for quantizer in self.quantizers:
            quantizer.prepared = None

    def _sets_and_scales(self, rows: Tensor, layout: Layout) -> tuple[Pair, Pair]:
        """Return both sets in rows (1 or 0), and W_p and W_n of every layer [L]."""
        method = self.quantizers[0].method
        layers = list(zip(self.quantizers, layout.layers(rows.detach()), strict=True))
        if method.levels == "two":
            sets = binary_sets(rows)
        else:
            thresholds = torch.stack([quantizer.threshold(layer) for quantizer, layer in layers])
            sets = ternary_sets(rows, layout.spread(thresholds))
        if method.scales == "mean_magnitude":
            members = layout.layers(sets[0] + sets[1])
            means = [
                quantizer.mean_magnitude(layer, member)
                for (quantizer, layer), member in zip(layers, members, strict=True)
            ]
            return sets, (torch.stack(means),) * 2
        scales = [(q.positive_scale, q.negative_scale) for q in self.quantizers]
        positive, negative = (torch.stack(side) for side in zip(*scales, strict=True))
        return sets, (positive, negative)


def _in_memory_order(latent: Tensor) -> Tensor:
    if _is_channels_last(latent):
        latent = latent.permute(0, 2, 3, 1)
    return latent.reshape(-1)


def _as_laid_out(numbers: Tensor, latent: Tensor) -> Tensor:
    if _is_channels_last(latent):
        outputs, inputs, height, width = latent.shape
        return numbers.view(outputs, height, width, inputs).permute(0, 3, 1, 2)
    return numbers.view(latent.shape)


def _is_channels_last(tensor: Tensor) -> bool:
    return tensor.ndim == FOUR and tensor.is_contiguous(memory_format=torch.channels_last)
