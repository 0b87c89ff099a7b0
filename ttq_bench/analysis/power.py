"""How many seeds are needed to find a difference, or to show that it is small.

The first follows from the power of the two-sided one-sample t test at the 5 % level: the
probability that the 95 % interval of paired differences excludes zero. The second from the
probability that this interval lies within a margin, where the truth is in its middle.
"""

import math
from bisect import bisect_left
from collections.abc import Callable

import numpy as np
from scipy import special, stats

from ttq_bench.analysis.statistics import FEWEST, LEVEL

POWER = 0.8
MOST_SEEDS = 10_000
QUANTILES = 1000  # of the sample's deviation
# Past 5 the far tail holds less than 1e-8 (and nct.cdf may be NaN); at 100 the near one holds all.
FAR_TAIL_ENDS, CERTAIN = 5.0, 100.0


def power(effect: float, n: int) -> float:
    """Return the probability that ``n`` seeds find a mean of ``effect`` deviations.

    In [0, 1]: 0 for fewer than two seeds, which test nothing; NaN for an effect that is NaN.
    """
    if n < FEWEST:
        return 0.0
    shift, degrees = abs(effect) * math.sqrt(n), n - 1
    if shift >= CERTAIN:
        return 1.0
    critical = float(special.stdtrit(degrees, 1 - LEVEL / 2))
    near = float(stats.nct.sf(critical, degrees, shift))
    far = float(stats.nct.cdf(-critical, degrees, shift)) if shift < FAR_TAIL_ENDS else 0.0
    return near + far


def seeds_needed(deviation: float, difference: float) -> int | None:
    """Return the least n at which a two-sided t test finds ``difference`` with a power of 80 %.

    ``deviation`` is that between seeds. None where it is not known, or above 10,000 seeds.
    """
    if not (deviation > 0 and difference > 0):
        return None
    effect = difference / deviation
    return _fewest(lambda n: power(effect, n))


def power_within(reach: float, n: int) -> float:
    """Return the probability that the interval of ``n`` seeds lies within ``reach`` deviations.

    In [0, 1], for a true mean of zero; 0 for fewer than two seeds.
    """
    if n < FEWEST:
        return 0.0
    # The interval fits where |mean| < reach - t s / sqrt(n): the mean given s is normal, and the
    # deviation s of the sample is integrated out over its quantiles.
    quantiles = (np.arange(QUANTILES) + 0.5) / QUANTILES
    deviations = np.sqrt(stats.chi2.ppf(quantiles, n - 1) / (n - 1))
    critical = float(special.stdtrit(n - 1, 1 - LEVEL / 2))
    left = np.maximum(reach * math.sqrt(n) - critical * deviations, 0.0)
    return float(np.mean(2 * special.ndtr(left) - 1))


def seeds_to_fit(deviation: float, reach: float) -> int | None:
    """Return the least n whose interval lies within ``reach`` of a true middle, with 80 % power.

    ``deviation`` is that between seeds. None where it is not known, or above 10,000 seeds.
    """
    if not (deviation > 0 and reach > 0):
        return None
    return _fewest(lambda n: power_within(reach / deviation, n))


def _fewest(power_of: Callable[[int], float]) -> int | None:
    numbers = range(MOST_SEEDS + 1)  # power grows with n
    n = bisect_left(numbers, POWER, key=power_of)
    return n if n in numbers else None
