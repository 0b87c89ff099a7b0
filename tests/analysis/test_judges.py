"""Verdicts worked by hand from an interval, and their properties."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ttq_bench.analysis.judges import above, within
from ttq_bench.analysis.statistics import Estimate, correlation, estimate

bounds = st.floats(-100, 100)


def interval(low, high, *, deviation=1.0, n=5):
    return Estimate((low + high) / 2, low, high, deviation, n)


intervals = st.tuples(bounds, st.floats(0.01, 50)).map(lambda p: interval(p[0], p[0] + p[1]))


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.1, 0.3, "supported"),
        (-0.3, -0.1, "contradicted"),
        (-0.1, 0.3, "undecided"),
        (0.0, 0.3, "undecided"),  # an interval that ends on the bound is not beyond it
        (-0.3, 0.0, "undecided"),
    ],
)
def test_above_zero(low, high, verdict):
    assert above(interval(low, high), 0.0) == verdict


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.04, 0.04, "supported"),
        (0.06, 0.2, "contradicted"),
        (-0.2, -0.06, "contradicted"),
        (0.01, 0.06, "undecided"),
        (-0.2, 0.2, "undecided"),
        (-0.05, 0.01, "undecided"),
    ],
)
def test_within_a_margin(low, high, verdict):
    assert within(interval(low, high), -0.05, 0.05) == verdict


def verdicts(value):
    return {above(value, 0.0), within(value, -1.0, 1.0)}


@pytest.mark.parametrize("value", [None, estimate([])])
def test_without_a_value_a_claim_was_not_run(value):
    assert verdicts(value) == {"not run"}


@pytest.mark.parametrize(
    "value",
    [
        estimate([0.5]),
        estimate([0.5, 0.5, 0.5]),
        estimate([0.5, math.nan]),
        correlation([1, 1, 1, 1], [1, 2, 3, 4]),
        correlation([1, 2, 3, 4], [1, 2, 3, 4]),
        Estimate(0.5, 0.4, 0.6, 0.2, 1),
    ],
    ids=["one seed", "equal", "undefined", "no correlation", "perfect correlation", "n of one"],
)
def test_what_has_no_interval_is_undecided(value):
    assert verdicts(value) == {"undecided"}


@given(intervals, bounds, bounds)
def test_a_lower_bound_is_never_harder_to_exceed(value, one, other):
    order = ["contradicted", "undecided", "supported"]
    high, low = max(one, other), min(one, other)
    assert order.index(above(value, high)) <= order.index(above(value, low))


def test_nothing_lies_within_an_empty_margin():
    with pytest.raises(AssertionError, match="nothing lies"):
        within(interval(0, 1), 1.0, 1.0)
