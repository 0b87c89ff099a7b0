"""Modules that own the scales of one layer and its threshold rule.

They are torch parametrizations: ``forward`` maps the latent weights (``.original``) to the weights
that the layer uses. To add one, give it the attributes of ``TrainedTernary`` that
``weight_stats.py`` reads.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from ttq_bench.ternary.gradients import ternary_codes, trained_ternary
from ttq_bench.ternary.thresholds import THRESHOLDS

InitialScales = Literal["ones", "least_squares"]


class TrainedTernary(nn.Module):
    """Two learned scales for one layer (TTQ): weights are +W_p, 0 or -W_n.

    ``feeds_batch_norm`` is ``yes``, ``no`` or ``unknown``: where it is ``yes``, only the ratio of
    the scales has an effect on the network's function.
    """

    def __init__(self, strategy: str, number: float, *, feeds_batch_norm: str = "unknown") -> None:
        super().__init__()
        self.strategy = strategy
        self.number = number
        self.feeds_batch_norm = feeds_batch_norm
        self.positive_scale = nn.Parameter(torch.ones(()))
        self.negative_scale = nn.Parameter(torch.ones(()))

    def forward(self, latent: Tensor) -> Tensor:
        """Return the ternary weights of ``latent``: same shape, dtype and memory format."""
        return trained_ternary(
            latent, self.positive_scale, self.negative_scale, self.threshold(latent)
        )

    def threshold(self, latent: Tensor) -> Tensor:
        """Return the threshold of ``latent`` under this layer's delta strategy, a scalar."""
        return THRESHOLDS[self.strategy].threshold(latent, self.number)

    def codes(self, latent: Tensor) -> Tensor:
        """Return -1, 0 or +1 for each latent weight, int8."""
        return ternary_codes(latent, self.threshold(latent))

    @torch.no_grad()
    def set_initial_scales(self, latent: Tensor, choice: InitialScales) -> None:
        """Set both scales to one (as in the paper), or to the values nearest to ``latent``.

        For given codes the squared distance between the ternary and the latent weights is
        smallest when each scale is the mean magnitude over its set; an empty set keeps one.
        """
        codes = self.codes(latent)
        for scale, sign in ((self.positive_scale, 1), (self.negative_scale, -1)):
            members = latent[codes == sign]
            use_mean = choice == "least_squares" and members.numel() > 0
            scale.copy_(members.abs().float().mean() if use_mean else torch.ones(()))
