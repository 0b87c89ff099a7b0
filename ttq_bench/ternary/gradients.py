"""Forward and backward maps from latent weights to ternary weights.

One typed function around each autograd Function. All maps are elementwise over the latent
weights, of any shape and memory format; scales are scalars.
"""

from typing import Any

import torch
from torch import Tensor


def ternary_codes(latent: Tensor, threshold: Tensor) -> Tensor:
    """Return the sign of each weight beyond the threshold, else 0: int8, same shape (Eq. 6)."""
    wide = latent.detach().to(torch.promote_types(latent.dtype, threshold.dtype))
    return (wide > threshold).to(torch.int8) - (wide < -threshold).to(torch.int8)


def trained_ternary(
    latent: Tensor, positive_scale: Tensor, negative_scale: Tensor, threshold: Tensor
) -> Tensor:
    """Return +W_p, 0 or -W_n for each latent weight, with TTQ's gradients.

    Forward is Eq. 6; the gradient of the latent weights is Eq. 8 (W_p, 1 or W_n times the
    incoming one); the gradients of the scales are sums over their sets (Eq. 7), the one of W_n
    with the minus that Eq. 7 leaves out. The threshold gets no gradient.
    """
    ternary: Tensor = _TrainedTernary.apply(latent, positive_scale, negative_scale, threshold)
    return ternary


class _TrainedTernary(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, latent: Tensor, positive_scale: Tensor, negative_scale: Tensor, threshold: Tensor
    ) -> Tensor:
        codes = ternary_codes(latent, threshold)
        positive, negative = codes > 0, codes < 0
        ctx.save_for_backward(positive, negative, positive_scale, negative_scale)
        zero = latent.new_zeros(())
        scales = positive_scale.to(latent.dtype), negative_scale.to(latent.dtype)
        return torch.where(positive, scales[0], torch.where(negative, -scales[1], zero))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        positive, negative, positive_scale, negative_scale = ctx.saved_tensors
        # Eq. 7 prints a plus for W_n. The chain rule through -W_n gives a minus, and finite
        # differences agree: tests/ternary/test_gradients.py.
        wide = gradient.to(torch.promote_types(gradient.dtype, positive_scale.dtype))
        positive_gradient = (wide * positive).sum()
        negative_gradient = -(wide * negative).sum()
        one = wide.new_ones(())
        multiplier = torch.where(
            positive, positive_scale, torch.where(negative, negative_scale, one)
        )
        latent_gradient = (wide * multiplier).to(gradient.dtype)
        return latent_gradient, positive_gradient, negative_gradient, None
