"""The table of claims against the paper, and the contract that each claim can be answered."""

import functools
import math

import pytest

from tests.record_builders import (
    UNITS,
    network_of,
    tables_of,
    values_for,
    write_arm,
    write_evidence,
    write_parents,
)
from tests.tiers import slow_but
from ttq_bench.analysis.claims import CLAIMS
from ttq_bench.analysis.ledger import LedgerRow, all_evidence, ledger
from ttq_bench.analysis.margins import CLOSE, MARGIN, MATTERS, ONE_SCALE, SETTLES
from ttq_bench.analysis.measured import CONSTANT_RATE, OWN_RATES
from ttq_bench.models.catalog import MODELS
from ttq_bench.report.figures.claims import UNITS as DRAWN_UNITS

# What the paper and its critique claim in numbers or words; K1 is a picture, and judged by eye.
PUBLISHED = {"T1", "T1b", "F2", "TWN", "T2", "T3", "A1", "A2", "S1", "S2", "Z1", "O1", "B1"}
PRINTED = {
    "T1 ResNet-20": -0.64, "T1 ResNet-32": 0.04, "T1 ResNet-44": 0.16, "T1 ResNet-56": 0.36,
    "T1b": 0.312, "TWN": 0.25, "T2 top-1": 42.8 - 42.5, "T3 top-1": 34.7 - 33.4,
    "Z1 layers": 16, "Z1 network": 16,
}  # fmt: skip
COUNTED = ["Z1 layers", "Z1 network"]
# What is counted is decided: there is no interval that could reach across the bound.
CASES = [
    (label, verdict)
    for label in CLAIMS
    for verdict in ("supported", "contradicted", "undecided")
    if label not in COUNTED or verdict != "undecided"
]
ON_ERRORS = [label for label, claim in CLAIMS.items() if claim.unit.startswith("points")]
every_claim = pytest.mark.parametrize("label", CLAIMS)
QUICK = ("F2", "Z1 layers", "Q2")  # of paired errors, counted, of scales
QUICK_CASES = [case for case in CASES if case[0] in QUICK or case[1] == "supported"]


@pytest.fixture(scope="module")
def evidence(tmp_path_factory):
    """Return the tables of records whose network has such values, and the ledger's row of them."""

    @functools.cache
    def written(label, values):
        claim, root = CLAIMS[label], tmp_path_factory.mktemp("evidence")
        write_evidence(root, claim, values, network_of(claim))
        tables = tables_of(root)
        measured = claim.measure(tables, network_of(claim))
        return tables, LedgerRow(claim, network_of(claim), measured, exact=True)

    return written


def test_every_claim_of_the_paper_and_of_its_critique_is_there_and_two_are_our_own():
    assert {claim.id for claim in CLAIMS.values()} == PUBLISHED | {"Q1", "Q2"}


def test_printed_figures_are_those_of_the_paper():
    found = {
        label: claim.printed_value
        for label, claim in CLAIMS.items()
        if claim.printed_value is not None
    }
    assert found == pytest.approx(PRINTED)


def test_printed_figures_in_words():
    words = {label: claim.printed for label, claim in CLAIMS.items()}
    assert words["T1 ResNet-20"] == "8.23 → 8.87 %: -0.64"
    assert words["T1 ResNet-32"] == "7.67 → 7.63 %: +0.04"
    assert words["T1 ResNet-44"] == "7.18 → 7.02 %: +0.16"
    assert words["T1 ResNet-56"] == "6.80 → 6.44 %: +0.36"
    assert words["T1b"] == "+0.31"
    assert words["T2 top-1"] == "42.8 → 42.5 %: +0.30"
    assert words["T3 top-1"] == "34.7 and 33.4 %: +1.30"


def test_bounds_of_special_claims():
    bounds = {label: claim.bound for label, claim in CLAIMS.items()}
    assert (MATTERS, MARGIN, CLOSE, ONE_SCALE, SETTLES) == (0.25, 0.05, 0.10, 0.125, 0.1)
    assert bounds["T1 ResNet-20"] == pytest.approx((-0.89, -0.39))
    assert bounds["A1 different"] == (0.05, math.inf)
    assert bounds["B1 close"] == (-math.inf, 0.10)
    assert bounds["B1 no value"] == (-0.125, 0.125)
    assert bounds["O1"] == (0.1, math.inf)
    assert bounds["Q2"] == (-math.inf, 0.0)


@every_claim
def test_a_claim_is_complete(label):
    claim = CLAIMS[label]
    assert claim.label == label
    assert claim.statement
    assert claim.source[:3] in ("[P]", "[M]", "[B]", "[Q]")
    assert claim.bound[0] < claim.bound[1]
    assert any(map(math.isfinite, claim.bound))
    assert claim.unit in UNITS
    assert claim.unit in DRAWN_UNITS
    assert claim.margin > 0
    assert claim.needs in ("", OWN_RATES, CONSTANT_RATE)
    assert not claim.only_these_models or claim.models
    assert claim.datasets == () or set(claim.datasets) <= {"cifar10", "imagenet"}
    if claim.datasets == ("cifar10",):
        assert set(claim.models) <= set(MODELS)


@pytest.mark.parametrize("label", PRINTED)
def test_a_printed_figure_supports_its_claim(label):
    claim = CLAIMS[label]
    assert claim.bound[0] < claim.printed_value < claim.bound[1]


@pytest.mark.parametrize(("label", "verdict"), slow_but(QUICK_CASES, CASES))
def test_records_can_make_a_claim(evidence, label, verdict):
    values = values_for(CLAIMS[label], verdict)
    tables, row = evidence(label, values)
    if label in COUNTED:
        assert row.measured.values == pytest.approx((values[0],), rel=0.01)
    else:
        assert row.measured.values == pytest.approx(values)
    assert len(set(row.measured.trials)) == len(row.measured.trials)
    assert set(row.measured.trials) <= tables.trial_ids()
    assert row.verdict == verdict


@pytest.mark.slow
@pytest.mark.parametrize("label", slow_but(QUICK, CLAIMS))
def test_the_ledger_finds_the_evidence_and_calls_it_exact(evidence, label):
    tables, _ = evidence(label, values_for(CLAIMS[label], "supported"))
    row = next(row for row in ledger(all_evidence(tables)) if row.claim.label == label)
    assert (row.network, row.exact, row.verdict) == (network_of(row.claim), True, "supported")


@pytest.mark.parametrize("label", slow_but(QUICK, CLAIMS))
def test_one_seed_decides_no_claim_that_is_not_counted(evidence, label):
    _, row = evidence(label, values_for(CLAIMS[label], "supported")[:1])
    assert row.verdict == ("supported" if label in COUNTED else "undecided")


def test_an_empty_folder_answers_no_claim(tmp_path):
    tables = tables_of(tmp_path)
    found = [c.label for c in CLAIMS.values() if c.measure(tables, network_of(c)) is not None]
    assert found == []


@pytest.fixture(scope="module")
def unrelated(tmp_path_factory):
    """Tables of every claim's network with full precision and arms that no claim asks for."""
    root = tmp_path_factory.mktemp("unrelated")
    for number, network in enumerate(sorted({network_of(claim) for claim in CLAIMS.values()})):
        where = {"dataset": network.dataset, "protocol": "paper", "model": network.model}
        tag = f"-{number}"
        write_parents(root, 1, tag=tag, **where)
        for arm in ("bwn", "ternary-plain", "ttq-as-printed"):
            write_arm(root, arm, [20.0], tag=tag, parent=f"fp{tag}-0", **where)
    return tables_of(root)


def test_unrelated_records_answer_no_claim(unrelated):
    found = [c.label for c in CLAIMS.values() if c.measure(unrelated, network_of(c)) is not None]
    assert found == []


@pytest.mark.parametrize("label", slow_but(ON_ERRORS[:1], ON_ERRORS))
def test_ttq_alone_without_a_partner_answers_no_claim_on_errors(tmp_path, label):
    claim = CLAIMS[label]
    network = network_of(claim)
    where = {"dataset": network.dataset, "protocol": "paper", "model": network.model}
    write_parents(tmp_path, 2, **where)
    write_arm(tmp_path, "ttq", [20.0, 21.0], **where)
    assert claim.measure(tables_of(tmp_path), network) is None
