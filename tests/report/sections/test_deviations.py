"""The tables of deviations and of margins say what code and records say."""

import subprocess
from pathlib import Path

import pytest
import yaml

from tests.record_builders import SHORT, tables_of, write_arm, write_parents
from ttq_bench.analysis.claims import CLAIMS
from ttq_bench.analysis.ledger import all_evidence
from ttq_bench.analysis.margins import MARGINS, is_exploratory, started_before
from ttq_bench.report.sections.deviations import DEVIATIONS, ON_CIFAR, deviations_section
from ttq_bench.report.sections.margins import margins_section

ROOT = Path(__file__).parents[2]


def row_of(lines, what):
    (row,) = [line for line in lines if line.startswith(f"| {what} |")]
    return [cell.strip() for cell in row.strip("| ").split(" | ")]


def test_what_stands_under_here_is_read_off_the_protocols():
    lines = list(deviations_section())
    assert row_of(lines, "weight decay in fine-tuning")[3] == (
        "0.0002 (`paper`, `released`); 0.0005 (`modern`)"
    )
    assert row_of(lines, "initial scales")[3] == "ones"  # all protocols agree
    assert row_of(lines, "images that batch normalisation sees")[3] == "128"
    assert "bf16 (`modern`)" in row_of(lines, "arithmetic of training and of evaluation")[3]
    assert row_of(lines, "arithmetic")[1:] == ["fp32", "bf16"]  # of `alexnet`


def test_what_is_said_of_mnist_is_what_its_suite_says():
    text = " ".join(deviations_section())
    suite = yaml.safe_load((ROOT.parent / "suites" / "mnist.yaml").read_text())
    recipe = suite["training"]["fine_tuned"]
    assert (recipe["optimizer"], recipe["augmentation"]) == ("adam", "none")
    assert f"by Adam at {recipe['learning_rate']:g} without weight decay" in text
    assert recipe["weight_decay"] == 0
    assert suite["conversion"]["initial_scales"] == "least_squares"


@pytest.mark.parametrize("deviation", DEVIATIONS, ids=lambda deviation: deviation.what)
def test_every_deviation_has_words_for_each_protocol(deviation):
    for protocol in ON_CIFAR.values():
        words = deviation.here if isinstance(deviation.here, str) else deviation.here(protocol)
        assert words


def test_every_margin_judges_claims_that_exist():
    assert {label for fixed in MARGINS for label in fixed.labels} <= set(CLAIMS)


def test_every_question_of_ours_says_when_it_was_asked():
    asked = {label for label, claim in CLAIMS.items() if claim.source == "[Q]"}
    assert asked <= {label for fixed in MARGINS for label in fixed.labels}


def test_a_choice_for_one_protocol_judges_no_other():
    before = ["2026-11-24T00:00:00+00:00"]  # the choice for `mnist` is of 1 December
    assert is_exploratory("A1 capacity", "mnist", before)
    assert not is_exploratory("A1 capacity", "short", before)
    assert not is_exploratory("A1 capacity", "mnist", ["2026-12-02T00:00:00+00:00"])


def test_trials_are_told_apart_by_when_they_started():
    fixed = next(fixed for fixed in MARGINS if fixed.commit == "1c73881")  # 2026-11-23 21:26
    started = ["2026-11-23T21:25:59+00:00", "2026-11-23T21:26:00+00:00", None]
    assert started_before(fixed, started) == (2, 1)


def test_runs_of_unknown_time_count_as_there_before(tmp_path):
    write_parents(tmp_path, 2)
    for arm in ("ttq", "ttq-tied"):
        write_arm(tmp_path, arm, [20.0, 21.0])
    tables = tables_of(tmp_path)
    lines = list(margins_section(all_evidence(tables), tables))
    row = row_of(lines, "cost of one scale, was 0.25")
    assert row[1:3] == ["0.125", "B1 no value"]
    assert row[5] == f"{SHORT}: 4 before it"
    assert row_of(lines, "equal shares of zeros, was 0.04")[5] == "none"


@pytest.mark.parametrize(
    "fixed", [fixed for fixed in MARGINS if fixed.commit], ids=lambda fixed: fixed.what
)
def test_the_commit_of_a_margin_is_of_the_time_that_the_table_says(fixed):
    command = ["git", "show", "-s", "--format=%ct", fixed.commit]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a clone with its whole history")
    assert int(done.stdout) // 60 * 60 == pytest.approx(fixed.since.timestamp(), abs=60)
