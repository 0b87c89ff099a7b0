import csv

import pytest

from ttq_bench.cli import main
from ttq_bench.speed import roofline
from ttq_bench.speed.benchmark import GOALS
from ttq_bench.speed.figures import Figure

SMALL = ["--model", "lenet5", "--batch-size", "4", "--seconds", "1", "--precision", "fp32"]


def figures(results):
    with (results / "speed.csv").open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def on_one_core(monkeypatch):
    """Threads that wait for each other on a busy machine take its time and measure nothing."""
    monkeypatch.setattr("ttq_bench.speed.benchmark.usable_cores", lambda: 1)


@pytest.mark.slow
def test_a_run_measures_its_goals_and_adds_rows(on_one_core, tmp_path, capsys):
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
def test_trials_side_by_side_and_a_plain_trainer_are_real_processes(tmp_path):
    assert main(["speed", "P1", "P4", *SMALL, "--results", str(tmp_path)]) == 0

    rows = {row["goal"]: row for row in figures(tmp_path)}
    assert rows["P1"]["bound"] == "at least 2.5"
    assert "trials side by side" in rows["P4"]["quantity"]


@pytest.mark.slow
def test_the_roofline_comes_with_the_measured_peaks(on_one_core, tmp_path, monkeypatch):
    monkeypatch.setattr(roofline, "SIDES", (128, 256, 512))  # the large ones take a minute
    monkeypatch.setattr(roofline, "CONVOLUTIONS", ((16, 32, 16),))
    assert main(["speed", "roofline", *SMALL, "--results", str(tmp_path)]) == 0

    arithmetic, memory = figures(tmp_path)
    assert (arithmetic["unit"], memory["unit"]) == ("GFLOP/s", "GB/s")
    # A core does at least one operation a nanosecond; no memory moves a terabyte a second on a CPU.
    assert 1 < float(arithmetic["value"]) < 100_000
    assert 0.1 < float(memory["value"]) < 1_000
    (drawn,) = tmp_path.glob("speed-roofline-*.png")
    assert drawn.read_bytes().startswith(b"\x89PNG")
    assert f"({drawn.name})" in (tmp_path / "speed.md").read_text()


def test_a_run_of_everything_leaves_out_what_needs_a_gpu_and_says_so(tmp_path, capsys, monkeypatch):
    measured = []

    def quick(name):
        return lambda work, seconds: measured.append(name) or [Figure(name, "one", 1.0, "x")]

    monkeypatch.setattr("ttq_bench.speed.benchmark.GOALS", {name: quick(name) for name in GOALS})
    monkeypatch.setattr(roofline, "places", lambda work: [])

    assert main(["speed", *SMALL, "--results", str(tmp_path)]) == 0

    assert measured == ["P1", "P2", "P4", "P8", "roofline"]
    assert "P10: not measured without --device cuda" in capsys.readouterr().out


def test_the_help_names_every_goal(capsys):
    with pytest.raises(SystemExit):
        main(["speed", "--help"])
    text = capsys.readouterr().out
    assert all(goal in text for goal in GOALS)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["P2", "--batch-size", "70000"], "--batch-size: expected at most 65536, got 70000"),
        (["P22"], "unknown goal 'P22'; did you mean 'P2'"),
        (["rooflines"], "unknown goal 'rooflines'; did you mean 'roofline'"),
        (["p10"], "P10 needs a GPU; add --device cuda"),
        (["--model", "resnet21"], "unknown model 'resnet21'; did you mean '"),
    ],
)
def test_what_cannot_be_measured_is_refused(words, said, tmp_path, capsys):
    assert main(["speed", *words, "--results", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err


def test_without_runs_there_is_nothing_to_compare(tmp_path, capsys):
    assert main(["speed", "--compare", "--results", str(tmp_path)]) == 0
    assert "no two runs" in capsys.readouterr().out
