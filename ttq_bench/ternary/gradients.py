"""Forward and backward maps from latent weights to quantized weights.

Elementwise over latent weights of any shape and memory format; scales are scalars, or one an output
channel in a shape that broadcasts (the gradients of scales then sum over each channel).
Sets are tensors of ones and zeros, because products with them are vectorised where a choice
between scalars is not: 2.0 instead of 5.6 ms for the 18 layers of ResNet-20, the same to the bit.
Comparisons write ones and zeros at once: those that make booleans take six times as long.
"""

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.autograd import forward_ad

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
    return _ones(torch.gt, wide, threshold, latent), _ones(torch.lt, wide, -threshold, latent)


def binary_sets(latent: Tensor) -> Pair:
    """Return where weights are at least zero, and where they are below: 1, else 0."""
    positive = _ones(torch.ge, latent.detach(), 0, latent)
    return positive, 1 - positive


def _ones(compare: Callable[..., Tensor], values: Tensor, bound: Any, like: Tensor) -> Tensor:
    """Return 1 where the comparison holds, else 0, as numbers of ``like``."""
    if torch._C._are_functorch_transforms_active():  # torch.func writes into no given tensor
        return compare(values, bound).to(like.dtype)
    return compare(values, bound, out=torch.empty_like(like))


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
    is_clipped = method.latent_gradient == "clipped_sign"
    inside = latent.detach().abs() <= 1 if is_clipped else None
    # torch.compile takes no function with a forward mode of its own.
    is_transformed = torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0
    function = _Transformable if is_transformed else _Quantized
    weights: Tensor = function.apply(latent, *sets, *scales, inside, method, layout)
    return weights


class _Quantized(torch.autograd.Function):
    @staticmethod
    def forward(latent: Tensor, *rest: Any) -> Tensor:
        positive, negative, *scales, _, _, layout = rest
        spread = [layout.spread(scale.to(latent.dtype)) for scale in scales]
        # A comparison with nan is false: without this a latent weight that is nan would become 0.
        wide = torch.promote_types(latent.dtype, torch.float32)
        zero_or_nan = latent.sum(dtype=wide) * 0
        return torch.addcmul(positive * (spread[0] + zero_or_nan), negative, -spread[1])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        del output
        _, *tensors, ctx.method, ctx.layout = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        positive, negative, positive_scale, negative_scale, inside = ctx.saved_tensors
        latent_rule = ctx.method.latent_gradient
        wide = gradient.to(torch.promote_types(gradient.dtype, positive_scale.dtype))
        on_positive, on_negative = wide * positive, wide * negative
        scale_gradients: tuple[Tensor | None, ...] = (None, None)
        if ctx.needs_input_grad[3] or ctx.needs_input_grad[4]:
            sums = ctx.layout.sums(on_positive), ctx.layout.sums(on_negative)
            counts = _counts(ctx, wide.dtype)
            if counts is not None:
                sums = sums[0] / counts[0], sums[1] / counts[1]
            scale_gradients = sums[0], _sign(ctx.method) * sums[1]
        latent_gradient = wide
        if latent_rule == "scaled":
            # Exact: each term is zero or the whole gradient.
            on_zero = (wide - on_positive).sub_(on_negative)
            on_zero = _plus_product(on_zero, on_positive, ctx.layout.spread(positive_scale))
            latent_gradient = _plus_product(on_zero, on_negative, ctx.layout.spread(negative_scale))
        elif latent_rule == "clipped_sign":
            latent_gradient = wide * (
                inside * positive_scale + positive_scale.numel() / wide.numel()
            )
        return latent_gradient.to(gradient.dtype), None, None, *scale_gradients, None, None, None


class _Transformable(_Quantized):
    """The same for ``torch.func`` and forward mode: ``jvp`` is the transpose of ``backward``."""

    generate_vmap_rule = True

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        _Quantized.setup_context(ctx, inputs, output)
        ctx.save_for_forward(*inputs[1:6])

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor | None) -> Tensor:
        positive, negative, positive_scale, negative_scale, inside = ctx.saved_tensors
        latent, _, _, *of_scales = tangents[:5]
        total = torch.zeros_like(positive)
        if latent is not None:
            factor = torch.ones_like(positive)
            if ctx.method.latent_gradient == "scaled":
                spread = ctx.layout.spread(positive_scale), ctx.layout.spread(negative_scale)
                factor = 1 - positive - negative + positive * spread[0] + negative * spread[1]
            elif ctx.method.latent_gradient == "clipped_sign":
                factor = inside * positive_scale + positive_scale.numel() / positive.numel()
            total = total + latent * factor
        counts = _counts(ctx, positive_scale.dtype)
        for side, (scale, sign) in enumerate(zip(of_scales, (1, _sign(ctx.method)), strict=True)):
            if scale is not None:
                mean = scale if counts is None else scale / counts[side]
                total = total + ctx.saved_tensors[side] * ctx.layout.spread(sign * mean)
        return total.to(positive.dtype)


def _plus_product(total: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Return ``total`` with the product added to it, in place where nothing is transformed."""
    if torch._C._are_functorch_transforms_active():  # vmap has no rule for addcmul_
        return total + first * second
    return total.addcmul_(first, second)


def _sign(method: Method) -> int:
    # Eq. 7 prints a plus for W_n. The chain rule through -W_n gives a minus, and finite
    # differences agree: tests/ternary/test_gradients.py.
    return 1 if method.scale_gradient == "as_printed" else -1


def _counts(ctx: Any, dtype: torch.dtype) -> Pair | None:
    """Return what the gradients of W_p and W_n are divided by where they are means, else None."""
    if ctx.method.scale_gradient != "mean":
        return None
    positive, negative = (ctx.layout.sums(s.to(dtype)) for s in ctx.saved_tensors[:2])
    return positive.clamp_min(1), negative.clamp_min(1)  # the mean of nothing is zero
