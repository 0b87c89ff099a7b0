"""The first table: printed, logged, measured, verdict, what would decide, records."""

import re
from dataclasses import replace

import pandas as pd
import pytest

from tests.record_builders import write_grid
from ttq_bench.analysis.claims import CLAIMS
from ttq_bench.analysis.ledger import LedgerRow
from ttq_bench.analysis.measured import Measured, Network
from ttq_bench.analysis.tables import load_tables
from ttq_bench.cli import make_parser
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.report.sections.claims_table import (
    claims_table,
    evidence_table,
    grouped_by_setting,
    measured_on,
    n_of,
    other_evidence,
    ours,
    records_behind,
)
from ttq_bench.report.sections.markdown import anchor
from ttq_bench.report.sections.next_steps import COMMANDS
from ttq_bench.report.sections.verdicts import turning_point, verdict
from ttq_bench.suite.reading import read_document

SHORT = Network("cifar10-jpeg", "short", "resnet20")
PAPER = Network("cifar10", "paper", "resnet20")


def row_of(name, values=(), network=None, *, counted=False):
    measured = Measured(tuple(values), ("a-1", "b-2"), counted) if values else None
    exact = network == PAPER
    noise = measured.estimate.deviation if measured else float("nan")
    return LedgerRow(CLAIMS[name], network, measured, exact, noise)


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    root = tmp_path_factory.mktemp("results")
    write_grid(root)
    return load_tables(ResultsPaths(root))


def held(name, values, network):
    """Return a row that is the only one of its table."""
    row = row_of(name, values, network)
    return replace(row, adjusted_p=row.p)


def cells(row, tables):
    lines = claims_table([row], tables)
    rows = ([cell.strip() for cell in lines[i].strip("| ").split(" | ")] for i in (0, 2))
    return dict(zip(*rows, strict=True))


def test_exact_evidence_gives_the_verdict_in_bold(tables):
    found = cells(held("A2", (0.5, 0.6, 0.55), PAPER), tables)
    assert found["p"] == "0.003"
    assert found["verdict"] == "**supported**"
    assert found["ours [95 %]"] == "+0.55 [+0.43, +0.67] points"
    assert found["n"] == "3"
    assert found["what would decide it"] == "decided"
    assert found["measured on"] == "resnet20, cifar10, protocol paper"


def test_proxy_evidence_never_decides_and_says_how_to_run_the_claim(tables):
    found = cells(held("A1 capacity", (0.5, 0.6, 0.55), SHORT), tables)
    assert found["verdict"] == "**not run**; proxy evidence: *supported*"
    assert "`ttq-bench run asymmetry --profile paper`, then" in found["what would decide it"]


def test_a_claim_without_evidence_is_not_run_and_has_no_number(tables):
    found = cells(row_of("T3 top-1"), tables)
    assert (found["verdict"], found["n"], found["ours [95 %]"]) == ("**not run**", "–", "–")
    assert found["what would decide it"] == COMMANDS["resnet18b"]


@pytest.mark.parametrize("advice", COMMANDS.values())
def test_every_command_that_would_decide_a_claim_can_be_given(advice):
    for command in re.findall(r"`ttq-bench (.+?)`", advice):
        options = make_parser().parse_args(command.split())
        if "suite" in options:
            assert options.profile in read_document(options.suite)["profiles"]


def test_the_authors_log_stands_beside_the_printed_figure(tables):
    found = cells(row_of("T1 ResNet-20"), tables)
    assert found["printed"] == "8.23 → 8.87 %: -0.64"
    assert found["authors' log"].startswith("9.25 % at the end, 8.48 % lowest: -1.02")


def test_a_counted_value_has_no_seeds():
    row = row_of("Z1 layers", (15.97,), PAPER, counted=True)
    assert (ours(row), n_of(row), verdict(row)) == ("15.97 times (counted)", "–", "**supported**")


def test_undecided_exact_evidence_tells_seeds_and_hours(tables):
    found = cells(row_of("A2", (0.5, -0.4, 0.2, 0.1), PAPER), tables)
    assert found["verdict"] == "**undecided**"
    # For the margin of 0.25, whatever the mean is.
    assert found["what would decide it"].startswith("20 seeds at a noise of 0.37")


def test_a_verdict_that_does_not_hold_after_correction_says_so(tables):
    row = replace(row_of("A2", (0.5, 0.6, 0.55), PAPER), adjusted_p=0.2)
    found = cells(row, tables)
    assert found["verdict"] == (
        "**supported** (alone: not after correction for the number of claims)"
    )
    assert found["p"] == "0.200"


def test_a_claim_that_lacks_what_it_needs_says_until_when_it_is_undecided(tables):
    found = cells(row_of("TWN", (-0.5, -0.6, -0.55), SHORT), tables)
    assert found["verdict"] == (
        "**not run**; proxy evidence: *undecided* until each method runs at its own best learning"
        " rate"
    )


@pytest.mark.parametrize(
    ("name", "values", "turn"),
    [
        # t(0.975, 2) = 4.303, times 0.01 / sqrt(3): 0.025 to both sides.
        ("B1 no value", (0.09, 0.1, 0.11), "supported for margins above 0.125"),
        ("B1 no value", (-0.31, -0.3, -0.29), "supported for margins above 0.325"),
        ("B1 close", (0.09, 0.1, 0.11), "supported for margins above 0.125"),
        ("A1 different", (0.09, 0.1, 0.11), "supported for margins below 0.075"),
        ("A1 different", (0.0, 0.01, 0.02), "supported for no margin above zero"),
        ("T1 ResNet-20", (-0.55, -0.54, -0.53), "supported for margins above 0.12"),
        ("A1 capacity", (0.09, 0.1, 0.11), ""),
        ("Q1", (0.09,), ""),
    ],
)
def test_the_margin_at_which_a_verdict_turns(name, values, turn):
    assert turning_point(row_of(name, values, SHORT)) == turn


def test_rows_of_one_setting_stand_together_and_what_was_not_run_last():
    rows = [
        row_of("A1 capacity", (0.1, 0.2), SHORT), row_of("T3 top-1"),
        row_of("A2", (0.1, 0.2), PAPER), row_of("Q1", (0.1, 0.2), SHORT),
    ]  # fmt: skip
    labels = [row.claim.label for row in grouped_by_setting(rows)]
    assert labels == ["A1 capacity", "Q1", "A2", "T3 top-1"]


def test_what_a_reader_must_know_of_the_points_stands_beside_the_value():
    row = row_of("S1 falls", (0.1, 0.2), SHORT)
    noted = replace(row, measured=replace(row.measured, note="30-50 % is 50 % here"))
    assert ours(noted).endswith(" points (30-50 % is 50 % here)")


def test_the_link_to_the_records_leads_to_their_list(tables):
    row = row_of("A1 capacity", (0.1, 0.2), SHORT)
    lines = list(records_behind([row, row_of("T3 top-1")]))
    headings = [line for line in lines if line.startswith("### ")]
    assert headings == ["### Records of A1 capacity"]
    assert f"(pages/trials.md#{anchor(headings[0][4:])})" in claims_table([row], tables)[2]
    assert "[a-1](trials/a-1/record.json), [b-2](trials/b-2/record.json)" in lines


def test_evidence_of_other_networks_is_listed_once():
    best, other = row_of("A2", (0.1, 0.2), PAPER), row_of("A2", (0.1, 0.3), SHORT)
    lines = "\n".join(other_evidence([best, other], [best]))
    assert measured_on(other) in lines
    assert measured_on(best) not in lines
    assert list(other_evidence([best], [best])) == []


def test_the_csv_has_every_number_and_marks_the_best():
    best, other, none = (
        row_of("A2", (0.1, 0.2), PAPER), row_of("A2", (0.1, 0.3), SHORT), row_of("T3 top-1"),
    )  # fmt: skip
    table = evidence_table([best, other], [best, none])
    assert list(table["best"]) == [True, False, True]
    assert list(table["n"]) == [2, 2, 0]
    assert list(table["verdict"]) == ["undecided", "not run", "not run"]
    assert table["mean"][0] == pytest.approx(0.15)
    assert pd.isna(table["mean"][2])
    assert table["trials"][1] == "a-1 b-2"
