"""Intervals and tests over seeds. Every estimate has its 95 % interval and its n.

Seeds are few, so intervals are Student's t; with one seed an interval is infinite, not zero.
tests/analysis/test_coverage.py simulates how often each interval contains the true value.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

CONFIDENCE = 0.95
LEVEL = 1 - CONFIDENCE
FEWEST = 2  # seeds without which there is no deviation
FEWEST_PAIRS = 4  # Fisher's z has the variance 1 / (n - 3)
# Equal differences of errors in percent disagree in their last bits, 8.73 - 8.53 and 7.90 - 7.70.
ROUNDING = 1e-9

Values = Sequence[float] | NDArray[np.floating[Any]]


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
        seeds can agree by chance, and their interval of no width is no evidence.
        """
        return self.deviation != 0 and (self.low > 0 or self.high < 0)


@dataclass(frozen=True, slots=True)
class SignConsistency:
    """How many of ``n`` values have the commoner sign, and the p of the exact binomial test."""

    agreeing: int
    n: int
    p: float


def estimate(values: Values) -> Estimate:
    """Return the mean of ``values`` (one a seed) with its 95 % Student-t interval.

    Values that differ by rounding alone count as equal: deviation 0, an interval of no width.
    """
    sample = np.asarray(values, dtype=float)
    n = len(sample)
    if n == 0:
        return Estimate(math.nan, -math.inf, math.inf, math.nan, 0)
    mean = float(sample.mean())
    if n < FEWEST:
        return Estimate(mean, -math.inf, math.inf, math.nan, n)
    deviation = float(sample.std(ddof=1))
    return student(mean, 0.0 if deviation <= ROUNDING * abs(mean) else deviation, n)


def student(mean: float, deviation: float, n: int) -> Estimate:
    """Return the estimate whose Student-t interval has the standard error deviation / sqrt(n)."""
    reach = _t_quantile(n - 1) * deviation / math.sqrt(n)
    return Estimate(mean, mean - reach, mean + reach, deviation, n)


def welch(first: Values, second: Values) -> Estimate:
    """Return mean(second) - mean(first) of samples that share no seeds, with Welch's interval.

    ``n`` is that of the smaller sample. ``deviation`` is that of the difference between one seed
    of each, the root of the two variances' sum: what pairing seeds at random would show. Welch's
    interval is an approximation: with 3 seeds against 10 it holds the truth in 93 % at worst.
    """
    a, b = estimate(first), estimate(second)
    mean, n = b.mean - a.mean, min(a.n, b.n)
    if n < FEWEST:
        return Estimate(mean, -math.inf, math.inf, math.nan, n)
    deviation = math.hypot(a.deviation, b.deviation)
    if deviation == 0:
        return Estimate(mean, mean, mean, 0.0, n)
    error = math.hypot(a.deviation / math.sqrt(a.n), b.deviation / math.sqrt(b.n))
    share = (a.deviation / error) ** 2 / a.n  # of the first sample in the squared error
    degrees = 1 / (share**2 / (a.n - 1) + (1 - share) ** 2 / (b.n - 1))
    reach = _t_quantile(degrees) * error
    return Estimate(mean, mean - reach, mean + reach, deviation, n)


def correlation(x: Values, y: Values) -> Estimate:
    """Return Pearson's r of the pairs with Fisher's z interval; there is no deviation (NaN).

    A pair with a value that is not finite is left out, of ``n`` too. The interval is all of
    [-1, 1] for fewer than four pairs. Where one side is constant there is no r (NaN) either.
    """
    a, b = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    assert a.shape == b.shape, f"pairs need as many x as y, got {a.shape} and {b.shape}"
    known = np.isfinite(a) & np.isfinite(b)
    a, b = a[known], b[known]
    n = len(a)
    if n < FEWEST or estimate(a).deviation == 0 or estimate(b).deviation == 0:
        return Estimate(math.nan, -1.0, 1.0, math.nan, n)
    r = float(np.corrcoef(a, b)[0, 1])
    if n < FEWEST_PAIRS:
        return Estimate(r, -1.0, 1.0, math.nan, n)
    z = math.atanh(r) if abs(r) < 1 else math.copysign(math.inf, r)
    reach = float(special.ndtri((1 + CONFIDENCE) / 2)) / math.sqrt(n - 3)
    return Estimate(r, math.tanh(z - reach), math.tanh(z + reach), math.nan, n)


def p_value(values: Values, bound: float, alternative: str) -> float:
    """Return the p of Student's one-sample t test of the mean against ``bound``."""
    return p_of(estimate(values), bound, alternative)


def p_of(sample: Estimate, bound: float, alternative: str = "two-sided") -> float:
    """Return the p of the t test of an estimate's mean against ``bound``.

    ``alternative`` is ``two-sided``, ``greater`` or ``less``: what a small p is evidence for. The
    two-sided p is below 5 % exactly where the 95 % interval excludes ``bound``. 1 where there is
    nothing to test: fewer than two values, equal values, or a value that is NaN.
    """
    if sample.n < FEWEST or not sample.deviation > 0 or not math.isfinite(sample.mean):
        return 1.0
    t = (sample.mean - bound) / (sample.deviation / math.sqrt(sample.n))
    degrees = sample.n - 1
    if alternative == "two-sided":
        return float(2 * special.stdtr(degrees, -abs(t)))
    return float(special.stdtr(degrees, -t if alternative == "greater" else t))


def equivalence_p(values: Values, low: float, high: float) -> float:
    """Return the p of two one-sided t tests; a small one shows the mean within (low, high).

    1 where there is nothing to test, as in ``p_value``.
    """
    assert low < high, f"an equivalence margin must have a width, got ({low}, {high})"
    return max(p_value(values, low, "greater"), p_value(values, high, "less"))


def sign_consistency(values: Values) -> SignConsistency:
    """Return the exact two-sided binomial test that both signs are equally likely.

    Zeros and NaN have no sign and are left out of ``n``; without any sign p is 1.
    """
    sample = np.asarray(values, dtype=float)
    positive, negative = int(np.sum(sample > 0)), int(np.sum(sample < 0))
    n = positive + negative
    p = float(stats.binomtest(positive, n).pvalue) if n else 1.0
    return SignConsistency(max(positive, negative), n, p)


def holm(p_values: Sequence[float]) -> list[bool]:
    """Return which hypotheses Holm's step-down procedure rejects at a family-wise level of 5 %."""
    return [p <= LEVEL for p in holm_adjusted(p_values)]


def holm_adjusted(p_values: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p values: Holm rejects at a level those that are at most the level."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted = [1.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def _t_quantile(degrees: float) -> float:
    # What scipy.stats.t.ppf calls, at a fiftieth of the time: simulations ask 20,000 times.
    return float(special.stdtrit(degrees, (1 + CONFIDENCE) / 2))
