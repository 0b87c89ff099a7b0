"""The page of a benchmark, and what moved between two runs."""

import pytest

from ttq_bench.errors import ResultsError
from ttq_bench.report.sections.speed import (
    COLUMNS,
    MEANINGS,
    compared,
    newest_run,
    page,
    read_rows,
    shown,
    write_rows,
)
from ttq_bench.speed.benchmark import GOALS


def row(quantity="ttq step", value="1.01", low="1.00", high="1.02", run="2026-01-01", **changes):
    fields = dict.fromkeys(COLUMNS, "") | {
        "run": run, "commit": "abc", "machine": "m", "torch": "2.15.0", "setting": "resnet20",
        "goal": "P2", "quantity": quantity, "value": value, "low": low, "high": high, "n": "9",
        "unit": "x", "bound": "at most 1.02", "verdict": "holds",
    }  # fmt: skip
    return fields | changes


LATER = "2026-01-02"


def test_rows_are_read_back_as_they_were_written(tmp_path):
    rows = [row(), row(run=LATER, low="", high="", unit="%")]
    write_rows(tmp_path / "speed.csv", rows)
    assert read_rows(tmp_path / "speed.csv") == rows
    assert read_rows(tmp_path / "none.csv") == []


HEADER = ",".join(COLUMNS) + "\n"


@pytest.mark.parametrize("text", ["a,b\n1,2\n", HEADER + "1,2\n", HEADER + "x," * 13 + "x\n"])
def test_another_file_is_refused_in_one_sentence(tmp_path, text):
    path = tmp_path / "speed.csv"
    path.write_text(text)
    with pytest.raises(ResultsError, match="not the figures of earlier runs"):
        read_rows(path)


def test_the_page_shows_the_last_run_of_each_machine_the_newest_first():
    rows = [row(value="9"), row(run=LATER), row("other step", run="2025-12-31", machine="GPU")]
    text = page(rows, {"GPU": "roof.png"})

    assert "| P2 | ttq step | 1.010 [1.000, 1.020] times | 9 | at most 1.02 | holds |" in text
    here, other = text.split("## m")[1].split("## GPU")
    assert "- ttq step: 9.000 [1.000, 1.020] times → 1.010" not in here
    assert "| P2 | other step |" in other
    assert "(roof.png)" in other
    assert "(roof.png)" not in here


def test_a_ratio_moved_where_the_intervals_share_no_value():
    rows = [row(), row("bwn step"), row(run=LATER, value="1.05", low="1.03", high="1.07"),
            row("bwn step", run=LATER, value="1.03", low="1.01", high="1.05")]  # fmt: skip
    assert compared(rows) == ["- ttq step: 1.010 [1.000, 1.020] times → 1.050 [1.030, 1.070] times"]


def test_a_figure_without_interval_moved_by_more_than_a_tenth():
    share = {"low": "", "high": "", "unit": "%"}
    rows = [row("a", "10", **share), row("b", "10", **share),
            row("a", "11.5", run=LATER, **share), row("b", "10.9", run=LATER, **share)]  # fmt: skip
    assert compared(rows) == ["- a: 10.0 % → 11.5 %"]


@pytest.mark.parametrize("changed", ["machine", "setting", "torch"])
def test_runs_on_other_machines_and_settings_are_not_compared(changed):
    assert compared([row(**{changed: "other"}), row(run=LATER, value="9")]) == []
    assert "No earlier run" in page([row(**{changed: "other"}), row(run=LATER)], {})


def test_nothing_moved_is_said():
    assert compared([row(), row(run=LATER)]) == [
        "None of 1 figures moved since 2026-01-01 (commit abc)."
    ]
    assert shown(row(low="", high="", unit="%", value="42.34")) == "42.3 %"


def test_each_goal_is_shown_by_its_own_last_run():
    share = {"goal": "P8", "low": "", "high": "", "unit": "%"}
    rows = [row("share", "50", **share), row("no longer measured"), row(run=LATER, value="1.05")]

    text = page(rows, {})

    assert "- P2: run of 2026-01-02, commit abc, torch 2.15.0" in text
    assert "- P8: run of 2026-01-01, commit abc" in text
    assert "| P8 | share | 50.0 % |" in text
    assert "no longer measured" not in text


def test_what_moved_is_of_the_newest_run_alone():
    old = [row(run="2025-12-01", value="9", low="8", high="10"), row()]
    assert compared([*old, row("trials", run=LATER, goal="P4")]) == []


def test_the_page_says_what_each_goal_means():
    assert set(MEANINGS) == set(GOALS)
    assert all(meaning in page([row()], {}) for meaning in MEANINGS.values())


def test_the_newest_run_is_that_of_the_latest_time():
    old, new = row(run="2026-01-01"), row(run="2026-02-01")

    assert newest_run([new, old]) == [new]
