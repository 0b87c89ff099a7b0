"""How much of the noise of an error lies between seeds, and how much between late epochs of a run.

A single run shows only the noise within it. The two parts say what a result "of the last epoch"
or "of the best epoch" of one run is worth against runs of other seeds.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from ttq_bench.analysis.statistics import FEWEST


@dataclass(frozen=True, slots=True)
class VarianceSplit:
    """Standard deviations, in the unit of the values, between seeds and within a seed.

    ``p`` is that of the F test that seeds do not differ beyond the noise within them.
    """

    between: float
    within: float
    p: float
    seeds: int
    epochs: int

    @property
    def between_share(self) -> float:
        """Share of the variance of one value that is due to its seed, in [0, 1]; NaN of none."""
        total = self.between**2 + self.within**2
        return self.between**2 / total if total > 0 else math.nan


def variance_split(values: NDArray[np.float64]) -> VarianceSplit:
    """Return the parts of the variance of ``values`` [seeds, epochs].

    One-way random-effects analysis of variance by the method of moments; a negative variance
    between seeds, which chance gives where there is none, is set to zero. NaN and p = 1 for
    fewer than two seeds or epochs. Epochs of a seed are taken as exchangeable: give epochs of one
    learning rate, and note that what neighbours have in common counts as between seeds.
    """
    assert values.ndim == 2, f"expected [seeds, epochs], got shape {values.shape}"  # noqa: PLR2004
    seeds, epochs = values.shape
    if min(seeds, epochs) < FEWEST:
        return VarianceSplit(math.nan, math.nan, 1.0, seeds, epochs)
    centred = values - values[0, 0]  # so that equal values differ by nothing, not by rounding
    seed_means = centred.mean(axis=1)
    # Mean squares of the table of the analysis of variance: both estimate the variance within,
    # the first with ``epochs`` times the variance between on top.
    between_square = epochs * float(seed_means.var(ddof=1))
    within_square = float(centred.var(axis=1, ddof=1).mean())
    return VarianceSplit(
        between=math.sqrt(max(0.0, (between_square - within_square) / epochs)),
        within=math.sqrt(within_square),
        p=_f_test(between_square, within_square, seeds, epochs),
        seeds=seeds,
        epochs=epochs,
    )


def _f_test(between_square: float, within_square: float, seeds: int, epochs: int) -> float:
    if within_square == 0:
        return 0.0 if between_square > 0 else 1.0
    ratio = between_square / within_square
    return float(special.fdtrc(seeds - 1, seeds * (epochs - 1), ratio))
