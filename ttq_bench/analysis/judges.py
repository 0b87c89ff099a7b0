"""Judges: they turn an estimate into a verdict by its printed interval alone.

So a reader can check every verdict by eye. At its boundary a judge errs in 2.5 % of experiments to
each side, as a 95 % interval lies wholly on one wrong side of the truth in 2.5 %: shown in
tests/analysis/test_coverage.py, where each public function here must have its simulation.
"""

import math
from typing import Literal

from ttq_bench.analysis.statistics import Estimate

FEWEST_JUDGED = 3  # seeds; the simulations begin there
Verdict = Literal["supported", "contradicted", "undecided", "not run"]


def within(value: Estimate | None, low: float, high: float) -> Verdict:
    """Judge that the true value lies between ``low`` and ``high``.

    Supported when the whole interval does, contradicted when it lies wholly on one side of them.
    Undecided too for one or two seeds, whose interval is not printed, and for an interval of no
    width: errors are counted, so equal ones agree by chance (see ``Estimate.excludes_zero``).
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
    """Judge that the true value is above ``bound``: the whole interval must be."""
    return within(value, bound, math.inf)


def _has_no_width(value: Estimate) -> bool:
    return value.deviation == 0 or value.low == value.high
