"""Judges: each turns an estimate into a verdict, from its printed interval alone.

So a reader can check every verdict by eye. Where the true value lies on a bound, a judge is wrong
in 2.5 % of experiments to each side, because a 95 % interval lies wholly on one side of the truth
in 2.5 %. tests/analysis/test_coverage.py simulates this for each public function of this module.
"""

import math
from typing import Literal

from ttq_bench.analysis.statistics import Estimate

FEWEST_JUDGED = 3  # seeds; the simulations begin there
Verdict = Literal["supported", "contradicted", "undecided", "not run"]


def within(value: Estimate | None, low: float, high: float) -> Verdict:
    """Judge whether the true value lies between ``low`` and ``high``.

    Supported where the whole interval lies between them, contradicted where it lies wholly on one
    side of them, else undecided. Always undecided for fewer than ``FEWEST_JUDGED`` seeds, and for
    an interval of no width: errors are counts, which can be equal by chance (see
    ``Estimate.excludes_zero``).
    """
    assert low < high, f"nothing lies between {low} and {high}"
    if value is None or value.n == 0:
        return "not run"
    if value.n < FEWEST_JUDGED or math.isnan(value.mean) or _has_no_width(value):
        return "undecided"
    if low < value.low and value.high < high:
        return "supported"
    return "contradicted" if value.high < low or value.low > high else "undecided"


def above(value: Estimate | None, bound: float) -> Verdict:
    """Judge whether the true value is above ``bound``."""
    return within(value, bound, math.inf)


def _has_no_width(value: Estimate) -> bool:
    return value.deviation == 0 or value.low == value.high
