import csv

import pytest

from ttq_bench.cli import main

SMALL = ["--model", "lenet5", "--batch-size", "4", "--seconds", "1", "--precision", "fp32"]


def figures(results):
    with (results / "speed.csv").open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.slow
def test_a_run_measures_its_goals_and_adds_rows(tmp_path, capsys):
    assert main(["speed", "P2", "P8", *SMALL, "--results", str(tmp_path)]) == 0

    first = figures(tmp_path)
    assert {row["goal"] for row in first} == {"P2", "P8"}
    assert {row["quantity"] for row in first} >= {"ttq step, max_fraction(0.05)", "twn step"}
    for row in first:
        assert float(row["value"]) > 0
        if row["goal"] == "P2":
            assert float(row["low"]) <= float(row["value"]) <= float(row["high"])
    assert "fp32" in first[0]["setting"]
    assert "P2  twn step: " in capsys.readouterr().out
    assert "twn step" in (tmp_path / "speed.md").read_text()

    assert main(["speed", "p8", *SMALL, "--results", str(tmp_path)]) == 0  # small letters, too
    assert figures(tmp_path)[: len(first)] == first
    capsys.readouterr()
    assert main(["speed", "--compare", "--results", str(tmp_path)]) == 0
    assert figures(tmp_path)[-1]["run"] in capsys.readouterr().out.partition("\n")[0]


@pytest.mark.slow
def test_neighbours_and_a_plain_trainer_are_real_processes(tmp_path):
    assert main(["speed", "P1", "P4", *SMALL, "--results", str(tmp_path)]) == 0

    found = {row["goal"]: row for row in figures(tmp_path)}
    assert found["P1"]["bound"] == "at least 2.5"
    assert "trials side by side" in found["P4"]["quantity"]


@pytest.mark.slow
def test_a_packed_network_is_measured_and_what_it_does_not_bring_is_said(tmp_path, capsys):
    assert main(["speed", "P9", *SMALL, "--results", str(tmp_path)]) == 0

    smaller = figures(tmp_path)[0]
    assert smaller["quantity"] == "ternary layers: dense over packed bytes"
    assert (smaller["bound"], smaller["verdict"]) == ("at least 15.5", "holds")
    assert "P9  inference on one core, batch 1: dense torch fp32: " in capsys.readouterr().out
    assert "- P9: there is no ternary kernel" in (tmp_path / "speed.md").read_text()


@pytest.mark.slow
def test_the_peak_comes_with_its_roofline(tmp_path):
    assert main(["speed", "P3", *SMALL, "--results", str(tmp_path)]) == 0

    shares = [float(row["value"]) for row in figures(tmp_path)]
    assert all(0 < share <= 100 for share in shares)
    (drawn,) = tmp_path.glob("speed-roofline-*.png")
    assert drawn.read_bytes().startswith(b"\x89PNG")
    page = (tmp_path / "speed.md").read_text()
    assert f"({drawn.name})" in page
    assert "of a step: all others" in page


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["P2", "--batch-size", "70000"], "--batch-size: expected at most 65536, got 70000"),
        (["P22"], "unknown goal 'P22'; did you mean 'P2'"),
        (["--model", "resnet21"], "unknown model 'resnet21'; did you mean '"),
    ],
)
def test_unknown_names_are_told(words, said, tmp_path, capsys):
    assert main(["speed", *words, "--results", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err


def test_without_runs_there_is_nothing_to_compare(tmp_path, capsys):
    assert main(["speed", "--compare", "--results", str(tmp_path)]) == 0
    assert "no two runs" in capsys.readouterr().out
