"""Forward and backward maps from latent weights to quantized weights.

Elementwise over latent weights of any shape and memory format; scales are scalars, or one an output
channel in a shape that broadcasts (the gradients of scales then sum over each channel).
Sets are tensors of ones and zeros, because products with them are vectorised where a choice
between scalars is not: 2.0 instead of 5.6 ms for the 18 layers of ResNet-20, the same to the bit.
Comparisons write ones and zeros at once: those that make booleans take six times as long.
"""

from typing import Any, Protocol

import torch
from torch import Tensor

from ttq_bench.ternary.methods import Method

Pair = tuple[Tensor, Tensor]


class Layout(Protocol):
    """Several layers in one tensor: spreads one number a layer, sums the numbers of each layer."""

    def spread(self, values: Tensor) -> Tensor: ...  # noqa: D102
    def sums(self, rows: Tensor) -> Tensor: ...  # noqa: D102


class _OneLayer:
    """One tensor for itself: scales broadcast as they are."""

    def __init__(self, shape: torch.Size) -> None:
        self.shape = shape

    def spread(self, values: Tensor) -> Tensor:
        return values

    def sums(self, rows: Tensor) -> Tensor:
        return rows.sum_to_size(self.shape)


def ternary_sets(latent: Tensor, threshold: Tensor) -> Pair:
    """Return where weights are beyond the threshold and beyond its negative (Eq. 6): 1, else 0."""
    wide = latent.detach().to(torch.promote_types(latent.dtype, threshold.dtype))
    positive, negative = torch.empty_like(latent), torch.empty_like(latent)
    return torch.gt(wide, threshold, out=positive), torch.lt(wide, -threshold, out=negative)


def binary_sets(latent: Tensor) -> Pair:
    """Return where weights are at least zero, and where they are below: 1, else 0."""
    positive = torch.ge(latent.detach(), 0, out=torch.empty_like(latent))
    return positive, 1 - positive


def codes_of(sets: Pair) -> Tensor:
    """Return -1, 0 or +1 for each latent weight, int8."""
    return (sets[0] - sets[1]).to(torch.int8)


def quantized(
    latent: Tensor, sets: Pair, scales: Pair, method: Method, layout: Layout | None = None
) -> Tensor:
    """Return +W_p on the positive set, -W_n on the negative one, else 0 (Eq. 6), as ``latent``.

    The method's ``latent_gradient`` is what the incoming gradient is multiplied by: ``scaled`` is
    W_p, 1 or W_n (Eq. 8), ``straight_through`` is 1, ``clipped_sign`` is 1/n + scale * [|w~| <= 1]
    for n weights that share a scale (Rastegari et al. 2016, section 3.1). ``scale_gradient`` is how
    it is gathered over a scale's set: the ``sum`` (Eq. 7, with the minus for W_n that it leaves
    out), the ``mean``, or the sum ``as_printed``, without that minus. With a ``layout`` the latent
    weights are those of many layers, and scales are [L].
    """
    layout = layout or _OneLayer(scales[0].shape)
    weights: Tensor = _Quantized.apply(latent, *sets, *scales, method, layout)
    return weights


class _Quantized(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, latent: Tensor, *rest: Any) -> Tensor:
        positive, negative, *scales, ctx.method, ctx.layout = rest
        inside = latent.abs() <= 1 if ctx.method.latent_gradient == "clipped_sign" else None
        ctx.save_for_backward(positive, negative, *scales, inside)
        spread = [ctx.layout.spread(scale.to(latent.dtype)) for scale in scales]
        return torch.addcmul(positive * spread[0], negative, -spread[1])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        positive, negative, positive_scale, negative_scale, inside = ctx.saved_tensors
        latent_rule, scale_rule = ctx.method.latent_gradient, ctx.method.scale_gradient
        wide = gradient.to(torch.promote_types(gradient.dtype, positive_scale.dtype))
        on_positive, on_negative = wide * positive, wide * negative
        scale_gradients: tuple[Tensor | None, ...] = (None, None)
        if ctx.needs_input_grad[3] or ctx.needs_input_grad[4]:
            # Eq. 7 prints a plus for W_n. The chain rule through -W_n gives a minus, and finite
            # differences agree: tests/ternary/test_gradients.py.
            sign = 1 if scale_rule == "as_printed" else -1
            sums = ctx.layout.sums(on_positive), ctx.layout.sums(on_negative)
            if scale_rule == "mean":  # of nothing: zero
                counts = [ctx.layout.sums(s.to(wide.dtype)) for s in (positive, negative)]
                sums = sums[0] / counts[0].clamp_min(1), sums[1] / counts[1].clamp_min(1)
            scale_gradients = sums[0], sign * sums[1]
        latent_gradient = wide
        if latent_rule == "scaled":
            # Exact: each term is zero or the whole gradient.
            on_zero = (wide - on_positive).sub_(on_negative)
            on_zero.addcmul_(on_positive, ctx.layout.spread(positive_scale))
            on_zero.addcmul_(on_negative, ctx.layout.spread(negative_scale))
            latent_gradient = on_zero
        elif latent_rule == "clipped_sign":
            latent_gradient = wide * (
                inside * positive_scale + positive_scale.numel() / wide.numel()
            )
        return latent_gradient.to(gradient.dtype), None, None, *scale_gradients, None, None
