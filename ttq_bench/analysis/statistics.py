"""Intervals and tests over seeds. Every estimate carries its interval and its n.

Seeds are few, so intervals are Student's t; with one seed an interval is infinite, not zero.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

CONFIDENCE = 0.95
LEVEL = 1 - CONFIDENCE
POWER = 0.8
MOST_SEEDS = 10_000
FEWEST = 2  # seeds without which there is no deviation


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over ``n`` seeds with its two-sided interval, and the deviation between seeds."""

    mean: float
    low: float
    high: float
    deviation: float
    n: int

    @property
    def half_width(self) -> float:
        """Half of the interval's length (infinite for fewer than two seeds)."""
        return (self.high - self.low) / 2

    @property
    def excludes_zero(self) -> bool:
        """Whether the whole interval lies on one side of zero.

        Never for equal values: an error is a count over a few hundred or thousand images, so two
        seeds agree by chance, and their interval of no width says nothing.
        """
        return self.deviation > 0 and (self.low > 0 or self.high < 0)


def estimate(
    values: Sequence[float] | NDArray[np.float64], confidence: float = CONFIDENCE
) -> Estimate:
    """Return the mean of ``values`` (one a seed) with its Student-t interval."""
    sample = np.asarray(values, dtype=float)
    n = len(sample)
    if n == 0:
        return Estimate(math.nan, -math.inf, math.inf, math.nan, 0)
    mean = float(sample.mean())
    if n < FEWEST:
        return Estimate(mean, -math.inf, math.inf, math.nan, n)
    deviation = float(sample.std(ddof=1))
    reach = float(stats.t.ppf((1 + confidence) / 2, n - 1)) * deviation / math.sqrt(n)
    return Estimate(mean, mean - reach, mean + reach, deviation, n)


def p_value(values: Sequence[float] | NDArray[np.float64], bound: float, alternative: str) -> float:
    """Return the p of Student's one-sample t test of the mean against ``bound``.

    ``alternative`` is ``two-sided``, ``greater`` or ``less``, what a small p speaks for. 1 where
    there is nothing to test: fewer than two values, equal ones, or one that is not defined.
    """
    sample = estimate(values)
    if sample.n < FEWEST or math.isnan(sample.mean) or sample.deviation == 0:
        return 1.0
    t = (sample.mean - bound) / (sample.deviation / math.sqrt(sample.n))
    degrees = sample.n - 1
    if alternative == "two-sided":
        return float(2 * stats.t.sf(abs(t), degrees))
    return float(stats.t.sf(t if alternative == "greater" else -t, degrees))


def holm(p_values: Sequence[float], level: float = LEVEL) -> list[bool]:
    """Return which hypotheses Holm's step-down procedure rejects at family-wise ``level``."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    rejected = [False] * len(p_values)
    for rank, index in enumerate(order):
        if p_values[index] > level / (len(p_values) - rank):
            break
        rejected[index] = True
    return rejected


def seeds_needed(deviation: float, difference: float) -> int | None:
    """Return the n at which a two-sided t test finds ``difference`` with 80 % power.

    ``deviation`` is the one seen between seeds. None where it is not known, or beyond use.
    """
    if not (deviation > 0 and difference > 0):
        return None
    effect = difference / deviation
    if _power(effect, MOST_SEEDS) < POWER:
        return None
    low, high = FEWEST - 1, MOST_SEEDS  # power grows with n: halve the span
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _power(effect, middle) >= POWER else (middle, high)
    return high


def _power(effect: float, n: int) -> float:
    shift = effect * math.sqrt(n)
    critical = float(stats.t.ppf(1 - LEVEL / 2, n - 1))
    # The far tail adds nothing where the near one is close to the power that is asked for.
    return float(stats.nct.sf(critical, n - 1, shift)) if shift < 30 else 1.0  # noqa: PLR2004
