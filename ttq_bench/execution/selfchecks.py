"""Facts that must hold for scales before a batch normalisation, checked against what a run did.

Where only the ratio of the scales acts, their common size is moved by weight decay alone: under SGD
the size is W_p^2 + W_n^2, under Adam W_p + W_n (PAPER.md, section 6). Steps of finite length let it
grow a little beyond the prediction; a factor far from it means that a gradient is wrong.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ttq_bench.records.schema import Gauge
from ttq_bench.training.recipe import Recipe
from ttq_bench.training.schedules import learning_rate

Row = Mapping[str, Any]


def gauge_check(
    scales: Sequence[Row], recipe: Recipe, steps_per_epoch: int, *, as_printed: bool = False
) -> Gauge | None:
    """Return the self-check over all fed layers with gauged scales, None without any.

    ``scales`` are the rows of the record's table, the start (epoch 0) included. ``as_printed``
    scales do not follow their true gradients, so nothing is predicted for their size.
    """
    gauged = {row["layer"] for row in scales if row["gauge_residue"] is not None}
    if not gauged:
        return None
    last = max(row["epoch"] for row in scales)
    factors = []
    for layer in gauged:
        sizes = {r["epoch"]: _size(r, recipe) for r in scales if r["layer"] == layer}
        factors.append(sizes[last] / sizes[0])
    return Gauge(
        layers=len(gauged),
        largest_residue=max(r["gauge_residue"] for r in scales if r["gauge_residue"] is not None),
        size="W_p + W_n" if recipe.optimizer == "adam" else "W_p^2 + W_n^2",
        predicted_factor=None
        if as_printed
        else _predicted(recipe, last * steps_per_epoch, steps_per_epoch),
        seen_low=min(factors),
        seen_high=max(factors),
    )


def _size(row: Row, recipe: Recipe) -> float:
    positive, negative = float(row["positive_scale"]), float(row["negative_scale"])
    return positive + negative if recipe.optimizer == "adam" else positive**2 + negative**2


def _predicted(recipe: Recipe, steps: int, steps_per_epoch: int) -> float | None:
    """Return exp(-2 * decay / (1 - momentum) * sum of all rates) for SGD, 1 without decay."""
    if not recipe.decay_scales or recipe.weight_decay == 0:
        return 1.0
    if recipe.optimizer == "adam":
        return None  # the decay goes through Adam's division, which has no such law
    rates = math.fsum(learning_rate(recipe, step, steps_per_epoch) for step in range(steps))
    return math.exp(-2 * rates * recipe.weight_decay / (1 - recipe.momentum))
