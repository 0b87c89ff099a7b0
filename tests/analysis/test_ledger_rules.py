"""Claims that are undecided by rule, and p adjusted for the number of claims."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.analysis.test_ledger import FAR, PAPER, TWN, TWO, read, row_of, write
from tests.record_builders import SHORT
from ttq_bench.analysis.claims import CLAIMS
from ttq_bench.analysis.ledger import LedgerRow
from ttq_bench.analysis.measured import OWN_RATES, Measured
from ttq_bench.analysis.statistics import estimate, holm_adjusted, p_of


def test_a_claim_that_needs_own_rates_is_undecided_by_rule_on_proxy_evidence(tmp_path):
    write(tmp_path, "TWN", "contradicted", SHORT)
    row = row_of(read(tmp_path)[1], "TWN")
    assert row.value.high < 0
    assert (row.says, row.lacks) == ("undecided", f"until {OWN_RATES}")
    assert row.p is None
    assert math.isnan(row.adjusted_p)


def test_a_need_that_the_runs_meet_lets_them_speak():
    values = Measured((1.0, 1.1, 1.2), ("a", "b", "c"))
    assert LedgerRow(TWN, SHORT, values, exact=False).says == "undecided"
    met = replace(values, meets=(OWN_RATES,))
    assert LedgerRow(TWN, SHORT, met, exact=False).says == "supported"
    assert LedgerRow(TWN, PAPER, values, exact=True).says == "supported"  # the claim's own schedule


def test_a_verdict_that_another_reading_does_not_give_is_undecided_by_rule():
    readings = (("a tolerance of 0.05", estimate([-1.0, 0.1, 1.0])),)
    values = Measured((1.0, 1.1, 1.2), ("a", "b", "c"))
    assert LedgerRow(CLAIMS["S2"], SHORT, values, exact=True).says == "supported"
    row = LedgerRow(CLAIMS["S2"], SHORT, replace(values, readings=readings), exact=True)
    assert (row.verdict, row.p) == ("undecided", 1.0)
    assert row.lacks == ("the interval alone says supported, with a tolerance of 0.05 undecided")


def test_a_verdict_that_every_reading_gives_has_the_largest_p_of_them():
    other = estimate([0.8, 1.0, 1.2])
    values = Measured((1.0, 1.1, 1.2), ("a", "b", "c"), readings=(("other", other),))
    row = LedgerRow(CLAIMS["S2"], SHORT, values, exact=True)
    assert (row.says, row.lacks) == ("supported", "")
    assert row.p == p_of(other, 0.0) > p_of(values.estimate, 0.0)


@given(
    st.sampled_from([label for label in CLAIMS if not label.startswith("Z1")]),
    st.lists(st.floats(-3, 3).map(lambda x: round(x, 3)), min_size=2, max_size=6),
)
def test_a_claim_is_decided_exactly_where_its_p_is_below_5_percent(label, values):
    row = LedgerRow(CLAIMS[label], SHORT, Measured(tuple(values), ()), exact=True)
    if len(values) == 2:
        assert (row.p, row.says) == (None, "undecided")
    else:
        assert (row.p < 0.05) == (row.says != "undecided")


@pytest.mark.slow
def test_p_are_adjusted_over_the_first_evidence_of_each_claim_and_over_the_others(tmp_path):
    write(tmp_path, "A1 capacity", "supported", PAPER)
    write(tmp_path, "A1 capacity", "undecided", SHORT)
    write(tmp_path, "A1 different", "supported", FAR)
    found, _ = read(tmp_path)
    judged = [row for row in found if row.p is not None]
    first = {row.claim.label: row for row in reversed(judged)}
    for family in (list(first.values()), [row for row in judged if row not in first.values()]):
        adjusted = holm_adjusted([row.p for row in family])
        assert [row.adjusted_p for row in family] == adjusted
    assert len(first) > 2


def test_a_verdict_holds_where_its_adjusted_p_is_below_5_percent():
    row = LedgerRow(CLAIMS["F2"], SHORT, TWO, exact=True)
    assert not row.holds
    assert replace(row, adjusted_p=0.05).holds
    assert not replace(row, adjusted_p=0.051).holds
    counted = Measured((16.0,), ("a",), counted=True)
    assert LedgerRow(CLAIMS["Z1 layers"], SHORT, counted, exact=True).holds
