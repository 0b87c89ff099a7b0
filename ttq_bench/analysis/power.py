"""How many seeds find a difference.

That follows from the power of the two-sided one-sample t test at the 5 % level: the chance that
the 95 % interval of paired differences excludes zero.
"""

import math

from scipy import special, stats

from ttq_bench.analysis.statistics import FEWEST, LEVEL

POWER = 0.8
MOST_SEEDS = 10_000
# Past 5 the far tail holds less than 1e-8 (and nct.cdf may be NaN); at 100 the near one holds all.
FAR_TAIL_ENDS, CERTAIN = 5.0, 100.0


def power(effect: float, n: int) -> float:
    """Return the chance that ``n`` seeds show a mean of ``effect`` deviations to differ from zero.

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


def seeds_needed(deviation: float, difference: float, wanted: float = POWER) -> int | None:
    """Return the least n at which a two-sided t test finds ``difference`` with power ``wanted``.

    ``deviation`` is the one seen between seeds. None where it is not known, or beyond use.
    """
    if not (deviation > 0 and difference > 0):
        return None
    effect = difference / deviation
    if power(effect, MOST_SEEDS) < wanted:
        return None
    low, high = FEWEST - 1, MOST_SEEDS  # power grows with n: halve the span
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(effect, middle) >= wanted else (middle, high)
    return high
