"""Thresholds and mean magnitudes of all layers at once, in a handful of operations.

For a GPU, where calling an operation a layer costs more than the operation. Largest and k-th
magnitudes equal those of ``thresholds.py`` to the bit; means differ in rounding.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from ttq_bench.ternary.fused import Layout


class OrderStatistic:
    """The k_l-th smallest magnitude of each layer l by one selection over equally long rows.

    The row of a layer is filled with K - k_l numbers below all, and with numbers above all, so that
    what is looked for is the K-th everywhere; K is the largest k.
    """

    def __init__(self, ranks: Sequence[int], layout: "Layout") -> None:
        self.ranks = tuple(ranks)
        self.rank = max(ranks)
        below, above = layout.numbers, layout.numbers + 1
        width = max(self.rank - k + n for k, n in zip(ranks, layout.counts, strict=True))
        places = torch.full((len(ranks), width), above)
        for row, k, n, first in zip(places, ranks, layout.counts, layout.starts, strict=True):
            row[: self.rank - k] = below
            row[self.rank - k :][:n] = torch.arange(first, first + n)
        device = layout.layer_of_row.device
        self.places = places.to(device)
        self.fill = torch.tensor([-1.0, torch.inf], device=device)

    def of(self, magnitudes: Tensor) -> Tensor:
        """Return it for magnitudes in rows [R, ROW], one a layer [L]; 0 where k is 0."""
        if not self.rank:
            return magnitudes.new_zeros(len(self.ranks))
        flat = torch.cat([magnitudes.view(-1), self.fill.to(magnitudes.dtype)])
        return flat[self.places].kthvalue(self.rank, 1).values.clamp_min(0)


def _max_fraction(magnitudes: Tensor, fraction: float, layout: "Layout") -> Tensor:
    return layout.maxima(magnitudes) * fraction


def _mean_fraction(magnitudes: Tensor, fraction: float, layout: "Layout") -> Tensor:
    return layout.sums(magnitudes) / layout.counts_on_device * fraction


def _constant_sparsity(magnitudes: Tensor, sparsity: float, layout: "Layout") -> Tensor:
    ranks = tuple(round(sparsity * count) for count in layout.counts)
    if layout.order_statistic is None or layout.order_statistic.ranks != ranks:
        layout.order_statistic = OrderStatistic(ranks, layout)
    return layout.order_statistic.of(magnitudes)


AT_ONCE: Mapping[str, Callable[[Tensor, float, "Layout"], Tensor]] = MappingProxyType(
    {
        "max_fraction": _max_fraction,
        "mean_fraction": _mean_fraction,
        "constant_sparsity": _constant_sparsity,
    }
)
ORDERLESS = ("max_fraction",)  # quicker at once on a CPU, too, where no bit may differ


def mean_magnitudes(rows: Tensor, members: Tensor, layout: "Layout") -> Tensor:
    """Return each layer's mean magnitude [L] over a set (rows of 1 or 0), 0 over none."""
    sums = layout.sums(rows.detach().abs() * members)
    return sums / layout.sums(members).clamp_min(1)
