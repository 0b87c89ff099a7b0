"""The weights of all quantized layers at once: a few operations instead of some twenty a layer.

In small networks calling an operation takes longer than its arithmetic. On a GPU kernels of this
package compute the weights (``gpu.py``). Elsewhere the latent weights of all L layers are laid out
in R rows of ``ROW`` numbers, each layer in whole rows, in the order of its memory, zeros behind its
last weight; one threshold or scale a layer is spread over its rows. Under autocast all weights are
rounded at once, too. The weights are those of layer by layer, to the bit on a CPU for layers that a
call uses once: tests/ternary/fused/test_rows.py.
"""

import threading
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ttq_bench.ternary.choice import own_quantizer
from ttq_bench.ternary.conversion import quantized_layers, quantizer_of
from ttq_bench.ternary.first_steps import is_looked_at, is_torchs_own
from ttq_bench.ternary.fused.gpu import Rule, Segments, can_compute, in_a_row, quantized_on_device
from ttq_bench.ternary.gradients import Pair, binary_sets, quantized, ternary_sets
from ttq_bench.ternary.own_weight import latent_in
from ttq_bench.ternary.quantizers import Quantizer, saved_tensors_hooks

FOUR = 4  # dimensions of a convolution's weights
ROW = 256  # divides the weights of every 3x3 layer of the CIFAR ResNets: no padding there


def fuse_(model: nn.Module) -> nn.Module:
    """Let ``model`` compute all its quantized weights when it is called, and return it.

    ``module.weight`` outside of a call, latent weights and scales stay as they are. Nothing changes
    for a network whose layers do not follow one rule or take the tanh of latent weights; on a CPU
    neither where scales are those of output channels, or for BWN's gradient. Layers compute their
    own weights in a call that is exported, compiled or transformed, and in checkpointed parts.
    """
    layers = [layer for _, layer in quantized_layers(model)]
    if layers and _follow_one_rule([quantizer_of(layer) for layer in layers]):
        fused = FusedLayers(layers)
        model.register_forward_pre_hook(fused.prepare)
        model.register_forward_hook(fused.forget, always_call=True)
    return model


def unfuse_(model: nn.Module) -> nn.Module:
    """Let each layer of ``model`` compute its own weights again, and return the model."""
    for module in model.modules():
        for hooks in (module._forward_pre_hooks, module._forward_hooks):
            for number, hook in list(hooks.items()):
                if isinstance(getattr(hook, "__self__", None), FusedLayers):
                    del hooks[number]
                    module._forward_hooks_always_called.pop(number, None)
    return model


def _follow_one_rule(quantizers: Sequence[Quantizer]) -> bool:
    rules = {(q.method, q.strategy, q.normalise_latent, bool(q.shared)) for q in quantizers}
    return len(rules) == 1 and quantizers[0].normalise_latent != "tanh"


class Layout:
    """Where each layer's weights lie among the rows."""

    def __init__(self, counts: Sequence[int], device: torch.device) -> None:
        rows = [-(-count // ROW) for count in counts]
        firsts = [sum(rows[:index]) for index in range(len(rows))]
        self.sizes = [part for n, r in zip(counts, rows, strict=True) for part in (n, r * ROW - n)]
        layer_of_row = torch.repeat_interleave(torch.arange(len(rows)), torch.tensor(rows))
        self.layer_of_row = layer_of_row.to(device)
        places = torch.full((len(rows), max(rows)), sum(rows))  # the last: a zero behind all
        for row, first, number in zip(places, firsts, rows, strict=True):
            row[:number] = torch.arange(first, first + number)
        self.rows_of_layer = places.to(device)
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

    def maxima(self, magnitudes: Tensor) -> Tensor:
        """Return the largest magnitude of each layer [L] out of rows [R, ROW]."""
        of_rows = F.pad(magnitudes.amax(1), (0, 1))
        return of_rows[self.rows_of_layer].amax(1)

    def sums(self, rows: Tensor) -> Tensor:
        """Return the sum of each layer [L] over its numbers in rows [R, ROW]."""
        return torch.stack([layer.sum() for layer in self.layers(rows)])


class FusedLayers:
    """Hooks around a network's call: quantized weights of all layers before, none kept after."""

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        self.layers = list(layers)
        self.quantizers = [quantizer_of(layer) for layer in layers]
        first = self.quantizers[0]
        # Rows know neither the scales of channels nor BWN's gradient.
        self.fits_rows = not first.shared and first.method.latent_gradient != "clipped_sign"
        self.layout: Layout | None = None
        self.segments: Segments | None = None

    def prepare(self, *_: object) -> None:
        """Compute the weights of all layers; each quantizer then answers with its own."""
        if is_looked_at():  # what is kept would be made of the tensors of an export or a transform
            return
        pairs = zip(self.layers, self.quantizers, strict=True)
        if any(own_quantizer(layer) is not quantizer for layer, quantizer in pairs):
            return  # a layer was frozen since: the others compute their own weights
        latents = [latent_in(layer) for layer in self.layers]
        if not all(map(is_torchs_own, latents)):
            return
        if can_compute(latents, self.quantizers):
            parts = self._on_device(latents)
        elif self.fits_rows:
            parts = self._in_rows(latents)
        else:
            return
        hooks = saved_tensors_hooks()
        for quantizer, latent, part in zip(self.quantizers, latents, parts, strict=True):
            quantizer.prepared[threading.get_ident()] = latent, _as_laid_out(part, latent), hooks

    def _on_device(self, latents: Sequence[Tensor]) -> Sequence[Tensor]:
        """Return the weights of each layer, by kernels."""
        counts = [latent.numel() for latent in latents]
        if self.segments is None or self.segments.table.device != latents[0].device:
            of_scales = [self._segments_of(latent) for latent in latents]
            with torch.inference_mode(False):  # later calls may train
                self.segments = Segments([n for some in of_scales for n in some], latents[0].device)
        scales = None
        if self.quantizers[0].method.scales != "mean_magnitude":
            scales = self._scales()
        flat = torch.cat([_in_memory_order(latent) for latent in latents])
        rule, dtype = Rule.of(self.quantizers), _wanted_type(flat)
        weights = quantized_on_device(flat, scales, rule, self.segments, dtype)
        return torch.split(weights, counts)

    def _segments_of(self, latent: Tensor) -> list[int]:
        channels = len(latent) if self.quantizers[0].shared else 1
        return [latent.numel() // channels] * channels

    def _in_rows(self, latents: Sequence[Tensor]) -> Sequence[Tensor]:
        """Return the weights of each layer, by operations on rows."""
        if self.layout is None or self.layout.layer_of_row.device != latents[0].device:
            with torch.inference_mode(False):  # later calls may train
                self.layout = Layout([latent.numel() for latent in latents], latents[0].device)
        rows = self.layout.rows([_in_memory_order(latent) for latent in latents])
        if self.quantizers[0].normalise_latent == "max":
            largest = self.layout.maxima(rows.detach().abs())
            rows = rows / self.layout.spread(torch.where(largest > 0, largest, 1.0))
        sets, scales = self._sets_and_scales(rows, self.layout)
        weights = quantized(rows, sets, scales, self.quantizers[0].method, self.layout)
        return self.layout.layers(weights.to(_wanted_type(weights)))

    def forget(self, *_: object) -> None:
        """Let each quantizer compute its weights itself again."""
        if is_looked_at():
            return
        for quantizer in self.quantizers:
            quantizer.prepared.pop(threading.get_ident(), None)

    def _sets_and_scales(self, rows: Tensor, layout: Layout) -> tuple[Pair, Pair]:
        """Return both sets in rows (1 or 0), and W_p and W_n of every layer [L]."""
        method = self.quantizers[0].method
        if method.levels == "two":
            sets = binary_sets(rows)
        else:
            sets = ternary_sets(rows, layout.spread(self._thresholds(rows, layout)))
        if method.scales == "mean_magnitude":
            layers = zip(self.quantizers, layout.layers(rows.detach()), strict=True)
            members = layout.layers(sets[0] + sets[1])
            means = [
                quantizer.mean_magnitude(layer, member)
                for (quantizer, layer), member in zip(layers, members, strict=True)
            ]
            return sets, (torch.stack(means),) * 2
        return sets, self._scales()

    def _scales(self) -> Pair:
        """Return W_p and W_n of every layer or channel, one behind the other."""
        scales = [quantizer.scales for quantizer in self.quantizers]
        positive, negative = (in_a_row(side) for side in zip(*scales, strict=True))
        return positive, negative

    def _thresholds(self, rows: Tensor, layout: Layout) -> Tensor:
        """Return the threshold of every layer [L]."""
        first = self.quantizers[0]
        is_held = first.held_threshold is not None
        if first.strategy and first.strategy.name == "max_fraction" and not is_held:
            return layout.maxima(rows.detach().abs()) * first.number
        layers = zip(self.quantizers, layout.layers(rows.detach()), strict=True)
        return torch.stack([quantizer.threshold(layer) for quantizer, layer in layers])


def _wanted_type(weights: Tensor) -> torch.dtype:
    """Return the type that layers compute in: under autocast, what it would round weights to."""
    kind = weights.device.type
    is_rounded = weights.dtype != torch.float64 and torch.amp.is_autocast_available(kind)
    if is_rounded and torch.is_autocast_enabled(kind):
        return torch.get_autocast_dtype(kind)
    return weights.dtype


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
    # Weights of 1x1 pixels are contiguous both ways; their strides tell which way was meant, and
    # convolutions go by these.
    return (
        tensor.ndim == FOUR
        and tensor.is_contiguous(memory_format=torch.channels_last)
        and tensor.stride(3) == tensor.shape[1]
    )
