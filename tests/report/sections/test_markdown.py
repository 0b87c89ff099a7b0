"""Numbers as the pages print them."""

import numpy as np
import pytest

from ttq_bench.analysis.statistics import estimate
from ttq_bench.report.sections.markdown import with_interval


@pytest.mark.parametrize(
    ("values", "printed"),
    [
        ((1.4, 1.5, 1.6), "+1.50 [+1.25, +1.75]"),
        ((1.4, 1.6), "+1.50 (2 seeds: too few for an interval)"),
        ((1.5,), "+1.50 (one seed: no interval)"),
        ((), "–"),
        ((np.nan, 1.0), "undefined"),
    ],
)
def test_a_mean_is_printed_with_its_interval_or_with_the_reason_why_it_has_none(values, printed):
    assert with_interval(estimate(np.array(values)), signed=True) == printed


def test_what_was_not_measured_is_a_dash():
    assert with_interval(None) == "–"
