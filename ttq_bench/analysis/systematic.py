"""The size of rho over layers that is not noise between seeds.

The mean of |rho| contains the noise: a layer whose rho is pure noise still has a size. The
*systematic size* leaves out what changes sign from seed to seed. Arrays are changes of rho from
before the first step to the last epoch, [seeds, layers]. tests/analysis/test_coverage_of_layers.py
simulates every function of this module.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from ttq_bench.analysis.statistics import FEWEST, Estimate, student

Changes = NDArray[np.float64]
ROUNDING = 1e-12  # a sum over the other seeds below this share of the sum of sizes has no sign
FEWEST_SYSTEMATIC = 3  # the jackknife leaves one out, and two must be left to give signs


@dataclass(frozen=True, slots=True)
class SharedSigns:
    """In how many of ``layers`` all seeds agree in sign, and in how many they would by chance."""

    shared: int
    layers: int
    by_chance: float


def signed_by_others(changes: Changes) -> NDArray[np.float64]:
    """Return one value a seed: the mean over layers of its change times the sign of the layer.

    The sign of a layer is that of the mean change in the *other* seeds. So noise gives zero on
    average, and a layer that changes by mu in every seed gives |mu|; less where noise hides the
    sign in some seeds. NaN for a single seed, because there are no others.
    """
    if len(changes) < FEWEST:
        return np.full(len(changes), np.nan)
    others = changes.sum(axis=0) - changes
    others[np.abs(others) < ROUNDING * np.abs(changes).sum(axis=0)] = 0.0
    return np.asarray((changes * np.sign(others)).mean(axis=1), dtype=float)


def systematic_size(changes: Changes) -> Estimate:
    """Return the mean of ``signed_by_others`` with its 95 % interval.

    Two seeds have most signs in common, so a plain t interval over the values is too narrow: with
    noise alone it lies beyond zero in up to 12 % to each side. Instead, Student's t is used with
    the standard error of the delete-one jackknife over seeds (Efron and Stein 1981: on average
    never too small). The lower end is above the truth in at most 2.5 % with many layers of
    independent noise, and in at most 5 % with few layers, or with noise that all layers share.
    Where noise hides signs, the estimate is too small, and the upper end with it (below the truth
    in 8 % at worst); so no claim is contradicted unless the raw size agrees. The interval is
    infinite for fewer than three seeds.
    """
    n = len(changes)
    mean = float(signed_by_others(changes).mean()) if n else math.nan
    if n < FEWEST_SYSTEMATIC:
        return Estimate(mean, -math.inf, math.inf, math.nan, n)
    without = [signed_by_others(np.delete(changes, seed, axis=0)).mean() for seed in range(n)]
    # The standard error of the jackknife is sqrt((n - 1)^2 / n) deviations of these means.
    return student(mean, (n - 1) * float(np.std(without, ddof=1)), n)


def noise_size(changes: Changes) -> float:
    """Return the mean |change| over layers if there were only noise between seeds.

    For normal noise that is sqrt(2 / pi) standard deviations between seeds; these are corrected for
    the bias of few seeds. NaN for fewer than two seeds.
    """
    n = len(changes)
    if n < FEWEST:
        return math.nan
    # The standard deviation of n normal values is on average this share of the true one.
    share = math.sqrt(2 / (n - 1)) * math.exp(special.gammaln(n / 2) - special.gammaln((n - 1) / 2))
    return float(math.sqrt(2 / math.pi) * changes.std(axis=0, ddof=1).mean() / share)


def shared_signs(changes: Changes) -> SharedSigns:
    """Return in how many layers all n seeds agree in sign; by chance in 2 / 2^n of them."""
    seeds, layers = changes.shape
    shared = int(np.sum(np.abs(np.sign(changes).sum(axis=0)) == seeds)) if seeds else 0
    return SharedSigns(shared, layers, layers * 2.0 ** (1 - seeds))
