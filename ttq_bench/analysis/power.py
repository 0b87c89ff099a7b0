"""How many seeds are needed to find a difference.

This follows from the power of the two-sided one-sample t test at the 5 % level: the probability
that the 95 % interval of paired differences excludes zero.
"""

import math
from bisect import bisect_left

from scipy import special, stats

from ttq_bench.analysis.statistics import FEWEST, LEVEL

POWER = 0.8
MOST_SEEDS = 10_000
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
    numbers = range(MOST_SEEDS + 1)  # power grows with n
    n = bisect_left(numbers, POWER, key=lambda n: power(effect, n))
    return n if n in numbers else None
