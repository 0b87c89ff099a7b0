"""Intervals and tests over seeds. Every estimate carries its interval and its n.

Seeds are few, so intervals are Student's t; with one seed an interval is infinite, not zero.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
MOST_SEEDS = 10_000


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
        """Whether the whole interval lies on one side of zero."""
        return self.low > 0 or self.high < 0


def estimate(values: Sequence[float], confidence: float = CONFIDENCE) -> Estimate:
    """Return the mean of ``values`` (one a seed) with its Student-t interval."""
    sample = np.asarray(values, dtype=float)
    n = len(sample)
    if n == 0:
        return Estimate(math.nan, -math.inf, math.inf, math.nan, 0)
    mean = float(sample.mean())
    if n == 1:
        return Estimate(mean, -math.inf, math.inf, math.nan, 1)
    deviation = float(sample.std(ddof=1))
    reach = float(stats.t.ppf((1 + confidence) / 2, n - 1)) * deviation / math.sqrt(n)
    return Estimate(mean, mean - reach, mean + reach, deviation, n)


def p_value_against_zero(values: Sequence[float]) -> float:
    """Return the two-sided p of Student's one-sample t test that the mean is zero (n >= 2)."""
    sample = estimate(values)
    if sample.n < 2 or math.isnan(sample.mean):  # noqa: PLR2004
        return 1.0
    if sample.deviation == 0:
        return 1.0 if sample.mean == 0 else 0.0
    t = sample.mean / (sample.deviation / math.sqrt(sample.n))
    return float(2 * stats.t.sf(abs(t), sample.n - 1))


def holm(p_values: Sequence[float], level: float = 1 - CONFIDENCE) -> list[bool]:
    """Return which hypotheses Holm's step-down procedure rejects at family-wise ``level``."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    rejected = [False] * len(p_values)
    for rank, index in enumerate(order):
        if p_values[index] > level / (len(p_values) - rank):
            break
        rejected[index] = True
    return rejected


def is_equivalent(values: Sequence[float], margin: float, level: float = 1 - CONFIDENCE) -> bool:
    """Return whether two one-sided t tests place the mean inside (-margin, margin)."""
    inner = estimate(values, confidence=1 - 2 * level)
    return inner.n > 1 and -margin < inner.low and inner.high < margin


def seeds_needed(sample: Estimate, difference: float) -> int | None:
    """Return the n at which an interval would have half-width ``difference`` at the seen deviation.

    None where the deviation is unknown or the number is beyond use.
    """
    if sample.n < 2 or not difference > 0:  # noqa: PLR2004
        return None
    for n in range(2, MOST_SEEDS):
        reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * sample.deviation / math.sqrt(n)
        if reach <= difference:
            return n
    return None
