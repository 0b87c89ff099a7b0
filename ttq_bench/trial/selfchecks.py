"""Facts that must hold for scales before a batch normalisation, checked against what a run did.

Where only the ratio of the scales acts, gradients are at right angles to the pair (W_p, W_n).
Under Adam W_p + W_n then stays. Under SGD with momentum m, W_p^2 + W_n^2 shrinks by weight decay
and grows by (1 + m) / (1 - m) times the squared length of the steps: a step at a right angle
lengthens, and momentum carries each gradient on after the pair has turned. Tests hold both against
trainings. Nesterov's momentum has no such law from the length of its steps alone.
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
    by_layer: dict[str, list[Row]] = {}
    for row in scales:
        if row.get("scale_squares") is not None:
            by_layer.setdefault(row["layer"], []).append(row)
    residues = [row["gauge_residue"] for row in scales if row["gauge_residue"] is not None]
    if not by_layer or any(rows[0]["epoch"] for rows in by_layer.values()):
        return None  # nothing to check, or begun by a version that did not watch yet
    adam = recipe.optimizer != "sgd"
    column = "scale_sum" if adam else "scale_squares"
    factors = [rows[-1][column] / rows[0][column] for rows in by_layer.values()]
    decayed = recipe.decay_scales and recipe.weight_decay > 0
    lawful = not as_printed and not recipe.nesterov and not (adam and decayed)
    decays = [_decay(recipe, epoch, steps_per_epoch) for epoch in range(recipe.epochs)]
    ratios = [
        rows[-1][column] / _expected(rows, column, decays, 0.0 if adam else _growth(recipe))
        for rows in by_layer.values()
    ]
    done = max(row["epoch"] for row in scales)
    return Gauge(
        layers=len(by_layer),
        largest_residue=max(residues, key=lambda r: math.inf if math.isnan(r) else r, default=None),
        size="W_p + W_n" if adam else "W_p^2 + W_n^2",
        predicted_factor=math.prod(decays[:done]) if lawful else None,
        seen_low=min(factors),
        seen_high=max(factors),
        ratio_low=min(ratios) if lawful else None,
        ratio_high=max(ratios) if lawful else None,
    )


def _expected(rows: Sequence[Row], column: str, decays: Sequence[float], growth: float) -> float:
    """Return the size that a layer should have at its last row, by decay and by its steps."""
    size = float(rows[0][column])
    for row in rows[1:]:
        size = size * decays[row["epoch"] - 1] + growth * row["scale_path"]
    return size


def _growth(recipe: Recipe) -> float:
    return (1 + recipe.momentum) / (1 - recipe.momentum)


def _decay(recipe: Recipe, epoch: int, steps: int) -> float:
    """Return exp(-2 * decay / (1 - momentum) * sum of the epoch's rates), 1 without decay."""
    if not recipe.decay_scales or recipe.optimizer != "sgd":
        return 1.0
    rates = math.fsum(learning_rate(recipe, epoch * steps + step, steps) for step in range(steps))
    return math.exp(-2 * rates * recipe.weight_decay / (1 - recipe.momentum))
