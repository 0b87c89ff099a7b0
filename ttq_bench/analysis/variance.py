"""How much of the spread of an error is between seeds, and how much within a seed.

There are two kinds of spread within a seed: that of the last epochs of one run, and that of
repeated fine-tunes. These start from one parent and see the batches in another order, with other
crops, so that pairing by parents cannot take their spread away.
"""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ttq_bench.analysis.arms import GROUP
from ttq_bench.analysis.comparison import ERROR
from ttq_bench.analysis.measured import Network, Select, finished, one_recipe
from ttq_bench.analysis.statistics import FEWEST
from ttq_bench.analysis.tables import Tables


@dataclass(frozen=True, slots=True)
class VarianceSplit:
    """Standard deviations, in the unit of the values, between seeds and within a seed.

    Of ``seeds`` seeds, each with ``values`` values.
    """

    between: float
    within: float
    seeds: int
    values: int


def variance_split(values: NDArray[np.float64]) -> VarianceSplit:
    """Return the two parts of the variance of ``values`` [seeds, values of a seed].

    One-way random-effects analysis of variance by the method of moments; a variance between seeds
    that is negative, which happens by chance where there is none, is set to zero. NaN for fewer
    than two seeds or values. Values of a seed are taken as exchangeable: give epochs of one
    learning rate, and note that what neighbouring epochs have in common counts as between seeds.
    """
    assert values.ndim == 2, f"expected [seeds, values], got shape {values.shape}"  # noqa: PLR2004
    seeds, count = values.shape
    if min(seeds, count) < FEWEST:
        return VarianceSplit(math.nan, math.nan, seeds, count)
    centred = values - values[0, 0]  # so that equal values differ by nothing, not by rounding
    # The mean square between estimates the variance within plus ``count`` times that between.
    between_square = count * float(centred.mean(axis=1).var(ddof=1))
    within_square = float(centred.var(axis=1, ddof=1).mean())
    between = math.sqrt(max(0.0, (between_square - within_square) / count))
    return VarianceSplit(between, math.sqrt(within_square), seeds, count)


def fine_tune_split(tables: Tables, network: Network, select: Select) -> VarianceSplit | None:
    """Return the deviations of the test error between parents and between fine-tunes, in points.

    Of the parents that were fine-tuned as often as most; None without two fine-tunes of one parent.
    """
    first = one_recipe(finished(tables, network, select))
    keys = [*GROUP, "seed", "parent", "start_weights"]
    if first.empty or tables.repeats.empty:
        return None
    others = tables.repeats[tables.repeats["outcome"] == "finished"]
    others = others.merge(first[keys], on=keys)
    table = pd.concat([first, others]).pivot_table(index="seed", columns="repeat", values=ERROR)
    whole = table.dropna()
    return variance_split(whole.to_numpy(float)) if whole.shape[1] > 1 and len(whole) else None
