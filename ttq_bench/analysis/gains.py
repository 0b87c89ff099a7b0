"""What TTQ gains: the error of another arm minus that of TTQ, paired by the starting weights."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from ttq_bench.analysis.comparison import ERROR
from ttq_bench.analysis.measured import Measured, Network, Select, paired_errors, pairs
from ttq_bench.analysis.tables import Tables
from ttq_bench.spec.trial import CONTINUED, FULL_PRECISION

TTQ: Select = ("ttq", "max_fraction(0.05)")
TWN: Select = ("twn", "mean_fraction(0.7)")
CONTROL: Select = (CONTINUED, "")
DEPTHS = (20, 32, 44, 56)

Measure = Callable[[Tables, Network], Measured | None]


def gain(tables: Tables, network: Network) -> Measured | None:
    """Return the test error of full precision minus that of TTQ, in points.

    Full precision is the control; where TTQ was trained from scratch, it was trained so, too.
    """
    continued = paired_errors(tables, network, CONTROL, TTQ)
    return continued or paired_errors(tables, network, (FULL_PRECISION, ""), TTQ)


def over(select: Select) -> Measure:
    """Return the measure *error of ``select`` minus error of TTQ*, from the same weights."""
    return lambda tables, network: paired_errors(tables, network, select, TTQ)


def of_ttq(measure: Callable[[Tables, Network, Select], Measured | None]) -> Measure:
    """Return a measure of any arm as the measure of TTQ with the published delta strategy."""
    return lambda tables, network: measure(tables, network, TTQ)


def depth_slope(tables: Tables, network: Network) -> Measured | None:
    """Return the slope of the gain over depth, in points for 12 layers.

    One value for each seed that has all four depths with the same recipes. None for a network that
    is not the shallowest, so that the slope is counted once.
    """
    if network.model not in ("resnet20", "preact_resnet20"):
        return None
    prefix = network.model.removesuffix("20")
    depths = [Network(network.dataset, network.protocol, f"{prefix}{depth}") for depth in DEPTHS]
    by_depth = [pairs(tables, depth, CONTROL, TTQ) for depth in depths]
    if any(rows.empty for rows in by_depth):
        return None
    slopes, trials = [], []
    for _, rows in pd.concat(by_depth).groupby(["seed", "recipe", "recipe_other"]):
        if len(rows) == len(DEPTHS):
            gains = rows[ERROR] - rows[f"{ERROR}_other"]
            slopes.append(float(np.polyfit(range(len(DEPTHS)), gains, 1)[0]))
            trials += [*rows["trial_id"], *rows["trial_id_other"]]
    return Measured(tuple(slopes), tuple(trials)) if slopes else None
