"""Results that nobody trained are taken for those of a run by whatever reads results."""

import pytest

from ttq_bench.cli import main
from ttq_bench.records.attempts.progress import read_progress
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.store import read_records
from ttq_bench.speed.recorded_grid import EPOCHS, TRIALS_PER_SEED, write_grid


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    return write_grid(tmp_path_factory.mktemp("grid") / "large", seeds=3, variants=2)


@pytest.mark.slow
def test_the_plan_finds_every_trial_done(grid, monkeypatch, capsys):
    monkeypatch.setenv("TTQ_BENCH_CACHE", str(grid.results.parent))
    where = ["--results", str(grid.results), "--data-dir", str(grid.results.parent)]
    assert main(["plan", str(grid.suite), *where]) == 0

    assert len(grid.specs) == 3 * TRIALS_PER_SEED
    assert f"{len(grid.specs)} trials: {len(grid.specs)} done, 0 to run" in capsys.readouterr().out


@pytest.mark.slow
def test_records_agree_with_their_tables_and_with_a_report_of_them(grid, capsys):
    assert main(["report", "--results", str(grid.results)]) == 0
    assert main(["verify", "--results", str(grid.results)]) == 0
    assert f"verified: {len(grid.specs)} records" in capsys.readouterr().out


def test_seeds_differ_but_for_variants(grid):
    errors = {
        record.spec["seed"]: record.errors.final_percent
        for record in read_records(ResultsPaths(grid.results))
        if record.trial_id.startswith("cifar10-resnet56-ttq-max")
    }
    assert errors[0] == errors[2] != errors[1]


def test_every_trial_has_the_attempt_of_a_run_that_ended(grid):
    results = ResultsPaths(grid.results)
    for spec in grid.specs:
        progress = read_progress(results.trial(spec.trial_id))
        assert (progress.epoch, progress.ended) == (EPOCHS, True)
