"""Verdicts worked by hand from an interval, and their properties."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ttq_bench.analysis.judges import above, all_of, below, within
from ttq_bench.analysis.statistics import Estimate, correlation, estimate

bounds = st.floats(-100, 100)
VERDICTS = ["supported", "contradicted", "undecided", "not run"]


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
    return {above(value, 0.0), below(value, 0.0), within(value, -1.0, 1.0)}


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


@given(intervals, bounds)
def test_below_is_the_mirror_of_above(value, bound):
    mirrored = interval(-value.high, -value.low)
    assert below(value, bound) == above(mirrored, -bound)


@given(intervals, bounds)
def test_what_lies_above_is_contradicted_to_lie_below(value, bound):
    opposite = {"supported": "contradicted", "contradicted": "supported", "undecided": "undecided"}
    assert below(value, bound) == opposite[above(value, bound)]


@given(intervals, bounds, bounds)
def test_a_lower_bound_is_never_harder_to_exceed(value, one, other):
    order = ["contradicted", "undecided", "supported"]
    high, low = max(one, other), min(one, other)
    assert order.index(above(value, high)) <= order.index(above(value, low))


@given(intervals, bounds, st.floats(0.01, 50))
def test_within_is_above_one_end_and_below_the_other(value, low, width):
    high = low + width
    parts = all_of([above(value, low), below(value, high)])
    assert within(value, low, high) == parts


@pytest.mark.parametrize("second", VERDICTS)
@pytest.mark.parametrize("first", VERDICTS)
def test_two_parts_are_judged_by_the_weaker_one(first, second):
    weakest_first = ["contradicted", "not run", "undecided", "supported"]
    expected = min(first, second, key=weakest_first.index)
    assert all_of([first, second]) == expected


def test_one_part_is_judged_as_it_is_and_none_was_not_run():
    assert [all_of([verdict]) for verdict in VERDICTS] == VERDICTS
    assert all_of([]) == "not run"


def test_three_parts_would_be_contradicted_too_often_and_are_refused():
    with pytest.raises(AssertionError, match="by chance"):
        all_of(["supported"] * 3)


def test_nothing_lies_within_an_empty_margin():
    with pytest.raises(AssertionError, match="nothing lies"):
        within(interval(0, 1), 1.0, 1.0)
