"""The ledger: exact evidence wins, proxy evidence never decides, intervals give the verdicts."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.record_builders import (
    SHORT,
    network_of,
    tables_of,
    values_for,
    write_arm,
    write_beside_others,
    write_parents,
)
from ttq_bench.analysis.claims import CLAIMS
from ttq_bench.analysis.judges import FEWEST_JUDGED
from ttq_bench.analysis.ledger import LedgerRow, all_evidence, ledger
from ttq_bench.analysis.measured import Measured, Network
from ttq_bench.analysis.statistics import estimate

TWN = CLAIMS["TWN"]
PAPER = network_of(TWN)
FAR = Network("mnist-png", "mnist", "lenet5")


def of(rows, label):
    """Return the network and the exactness of each row of a claim."""
    return [(row.network, row.exact) for row in rows if row.claim.label == label]


def row_of(rows, label):
    (row,) = [row for row in rows if row.claim.label == label]
    return row


def write(root, label, verdict, network):
    write_beside_others(root, CLAIMS[label], values_for(CLAIMS[label], verdict), network)


def read(root):
    found = all_evidence(tables_of(root))
    return found, ledger(found)


def test_without_records_each_claim_stands_there_as_not_run(tmp_path):
    found, rows = read(tmp_path)
    assert found == []
    assert [row.claim for row in rows] == list(CLAIMS.values())
    for row in rows:
        assert (row.network, row.measured, row.value, row.exact) == (None, None, None, False)
        assert (row.verdict, row.says, row.seeds) == ("not run", "not run", None)


@pytest.mark.slow
@pytest.mark.parametrize("says", ["supported", "contradicted", "undecided"])
def test_proxy_evidence_never_decides_the_claim_its_own_verdict_stands_beside(tmp_path, says):
    write(tmp_path, "A1 capacity", says, SHORT)
    row = row_of(read(tmp_path)[1], "A1 capacity")
    assert (row.network, row.exact) == (SHORT, False)
    assert (row.verdict, row.says) == ("not run", says)


@pytest.mark.parametrize(
    "change", [{"protocol": "released"}, {"model": "preact_resnet20", "protocol": "released"}]
)
def test_the_schedule_of_the_released_code_is_exact_too(tmp_path, change):
    write(tmp_path, "TWN", "supported", replace(PAPER, **change))
    assert of(read(tmp_path)[0], "TWN") == [(replace(PAPER, **change), True)]


@pytest.mark.parametrize(
    ("label", "model", "protocol", "is_exact"),
    [
        ("T2 top-1", "alexnet", "alexnet", True),
        ("T2 top-1", "alexnet", "mine", False),
        ("T3 top-1", "resnet18b", "resnet18", False),  # that of the paper is not known
    ],
)
def test_imagenet_is_exact_where_the_protocol_is_known(tmp_path, label, model, protocol, is_exact):
    network = Network("imagenet", protocol, model)
    write(tmp_path, label, "supported", network)
    assert of(read(tmp_path)[0], label) == [(network, is_exact)]


def test_evidence_that_is_too_little_to_be_judged_comes_after_that_of_other_data(tmp_path):
    write(tmp_path, "A1 capacity", "supported", FAR)
    write_parents(tmp_path / "few", 2)
    for arm in ("ttq", "ttq-tied"):
        write_arm(tmp_path / "few", arm, [20.0, 21.0])
    for trial in (tmp_path / "few" / "trials").iterdir():
        trial.rename(tmp_path / "trials" / trial.name)
    found, _ = read(tmp_path)
    assert [row.network for row in found if row.claim.label == "A1 capacity"] == [FAR, SHORT]


def test_a_claim_on_one_depth_takes_no_other_network(tmp_path):
    write(tmp_path, "T1 ResNet-32", "supported", replace(PAPER, model="resnet32"))
    found, rows = read(tmp_path)
    assert of(found, "T1 ResNet-20") == of(found, "T2 top-1") == []
    assert row_of(rows, "T1 ResNet-20").verdict == "not run"
    assert row_of(rows, "T1 ResNet-32").verdict == "supported"


@pytest.mark.slow
def test_better_evidence_comes_first_and_the_best_decides(tmp_path):
    """Exact, then the claim's data, its model, the schedule; all but the first say otherwise."""
    exact = [PAPER, Network("cifar10", "released", "preact_resnet20")]
    proxies = [
        Network("cifar10-jpeg", "paper", "resnet20"),
        Network("cifar10", "modern", "resnet20"),
        Network("cifar10", "short", "resnet20"),
        Network("cifar10-jpeg", "short", "resnet20"),
        Network("cifar10", "own", "resnet20"),
        Network("cifar10-jpeg", "paper", "resnet110"),
        Network("cifar100", "paper", "resnet20"),
        Network("mnist-png", "mnist", "lenet5"),
    ]
    for network in reversed([*exact[1:], *proxies]):
        write(tmp_path, "TWN", "supported", network)
    write(tmp_path, "TWN", "contradicted", PAPER)
    found, rows = read(tmp_path)
    assert of(found, "TWN") == [(one, True) for one in exact] + [(one, False) for one in proxies]
    row = row_of(rows, "TWN")
    assert (row.network, row.exact, row.verdict) == (PAPER, True, "contradicted")
    assert [row.claim.label for row in found] == sorted(
        (row.claim.label for row in found), key=list(CLAIMS).index
    )


@pytest.mark.parametrize(
    ("model", "exact", "verdict"),
    [
        ("resnet20", True, "supported"),
        ("resnet56", True, "supported"),
        ("lenet5", False, "not run"),
    ],
)
def test_what_is_counted_is_settled_on_any_data_for_a_network_of_the_paper_without_seeds(
    tmp_path, model, exact, verdict
):
    write(tmp_path, "Z1 layers", "supported", replace(FAR, model=model))
    row = row_of(read(tmp_path)[1], "Z1 layers")
    assert (row.exact, row.is_counted, row.verdict, row.seeds) == (exact, True, verdict, None)
    assert row.says == "supported"
    assert (row.value.low, row.value.high) == (row.value.mean, row.value.mean)


@pytest.mark.parametrize(
    ("times", "verdict"), [(14.99, "contradicted"), (15.0, "supported"), (16.0, "supported")]
)
def test_a_counted_value_is_judged_by_itself(times, verdict):
    measured = Measured((times,), ("a",), counted=True)
    row = LedgerRow(CLAIMS["Z1 layers"], FAR, measured, exact=True, noise=0.0)
    assert (row.verdict, row.says) == (verdict, verdict)


# Two seeds at 1 and 3 points: mean 2, deviation sqrt(2).
TWO = Measured((1.0, 3.0), ("a", "b"))


@pytest.mark.parametrize(
    ("label", "exact", "noise", "seeds"),
    [
        # One deviation is found by 10 seeds, half of one by 34 (tables of the t test, 80 %).
        ("F2", True, 0.25, 10),  # the margin, whatever the mean of 2 is
        ("F2", False, 0.5, 34),  # nothing was printed: the margin
        ("T1 ResNet-20", True, 0.25, 13),  # between two bounds: its interval has to fit
        ("T1 ResNet-20", False, 0.25, 13),  # whatever was printed
        ("TWN", False, 0.25, 10),  # proxy: the printed 0.25
        ("B1 no value", True, 0.125, 13),
        ("A1 different", False, 0.05, 10),
        ("F2", True, math.nan, None),
        ("F2", True, 0.0, None),
    ],
)
def test_seeds_that_would_find_what_is_in_question(label, exact, noise, seeds):
    assert LedgerRow(CLAIMS[label], SHORT, TWO, exact, noise).seeds == seeds


def test_the_noise_of_a_row_is_the_deviation_between_its_seeds(tmp_path):
    write(tmp_path, "TWN", "undecided", PAPER)
    row = row_of(read(tmp_path)[1], "TWN")  # -0.5, 0 and 0.5
    assert row.noise == pytest.approx(0.5)


@pytest.mark.slow
def test_a_claim_without_evidence_takes_the_noise_of_its_kind_on_the_same_data(tmp_path):
    write(tmp_path, "T1 ResNet-20", "undecided", PAPER)  # deviation 0.5
    write(tmp_path, "T1 ResNet-20", "supported", replace(PAPER, protocol="short"))
    rows = read(tmp_path)[1]
    row = row_of(rows, "T1 ResNet-32")
    assert (row.network, row.verdict) == (None, "not run")
    assert row.noise == pytest.approx(0.5)
    assert row.seeds == row_of(rows, "T1 ResNet-20").seeds
    assert math.isnan(row_of(rows, "T2 top-1").noise)  # other data
    assert math.isnan(row_of(rows, "F2").noise)  # another kind


def test_the_authors_log_stands_beside_the_claims_that_name_it():
    with_log = {label for label, claim in CLAIMS.items() if LedgerRow(claim, None, None, False).log}
    assert with_log == {
        "T1 ResNet-20", "T2 top-1", "A1 different", "A1 direction", "B1 close",
    }  # fmt: skip


@given(
    st.sampled_from(list(CLAIMS.values())),
    st.lists(st.floats(-3, 3).map(lambda x: round(x, 3)), min_size=1, max_size=6),
    st.booleans(),
)
def test_a_verdict_is_what_the_interval_says(claim, values, exact):
    row = LedgerRow(claim, SHORT, Measured(tuple(values), ()), exact)
    low, high = claim.bound
    waits = bool(claim.needs) and not exact
    interval = estimate(values)
    if waits or len(values) < FEWEST_JUDGED or interval.low == interval.high:
        expected = "undecided"
    elif low < interval.low and interval.high < high:
        expected = "supported"
    elif interval.high < low or high < interval.low:
        expected = "contradicted"
    else:
        expected = "undecided"
    assert (row.value, row.says) == (interval, expected)
    assert row.verdict == (expected if exact else "not run")
