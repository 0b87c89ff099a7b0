"""What TTQ gains: errors of other arms minus its own, paired by the starting weights, in points."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from ttq_bench.analysis.accuracy_rows import CONTINUED, FULL_PRECISION
from ttq_bench.analysis.comparison import ERROR
from ttq_bench.analysis.measured import Measured, Network, Select, paired_errors, pairs
from ttq_bench.analysis.tables import Tables

TTQ: Select = ("ttq", "max_fraction(0.05)")
TWN: Select = ("twn", "mean_fraction(0.7)")
CONTROL: Select = (CONTINUED, "")
DEPTHS = (20, 32, 44, 56)

Measure = Callable[[Tables, Network], Measured | None]


def gain(tables: Tables, network: Network) -> Measured | None:
    """Return full precision minus TTQ, test error in points: what quantizing gains.

    Where TTQ was trained from scratch, full precision was too: it has no parent either.
    """
    continued = paired_errors(tables, network, CONTROL, TTQ)
    return continued or paired_errors(tables, network, (FULL_PRECISION, ""), TTQ)


def over(select: Select) -> Measure:
    """Return the measure *error of ``select`` minus error of TTQ*, from the same weights."""
    return lambda tables, network: paired_errors(tables, network, select, TTQ)


def of_ttq(measure: Callable[[Tables, Network, Select], Measured | None]) -> Measure:
    """Return a measure of one arm as the measure of TTQ as published."""
    return lambda tables, network: measure(tables, network, TTQ)


def depth_slope(tables: Tables, network: Network) -> Measured | None:
    """Return the rise of the gain for each 12 layers, one value a seed that has all four depths.

    ``network`` names one of the depths; asked for the shallowest alone, so that it counts once. All
    depths of a seed share their recipes.
    """
    if network.model not in ("resnet20", "preact_resnet20"):
        return None
    prefix = network.model.removesuffix("20")
    depths = [Network(network.dataset, network.protocol, f"{prefix}{depth}") for depth in DEPTHS]
    found = [pairs(tables, depth, CONTROL, TTQ) for depth in depths]
    if any(rows.empty for rows in found):
        return None
    slopes, trials = [], []
    for _, rows in pd.concat(found).groupby(["seed", "recipe", "recipe_other"]):
        if len(rows) == len(DEPTHS):
            gains = rows[ERROR] - rows[f"{ERROR}_other"]
            slopes.append(float(np.polyfit(range(len(DEPTHS)), gains, 1)[0]))
            trials += [*rows["trial_id"], *rows["trial_id_other"]]
    return Measured(tuple(slopes), tuple(trials)) if slopes else None
