"""Trials that two workers of Ray Train compute together, on a real Ray."""

import os
import signal
from pathlib import Path

import pytest
import torch
import yaml

from tests.faults.grid import UNDISTURBED, Grid, processes_of, undisturbed
from tests.tiny_suite import settings_for, tiny_document, tiny_specs, wait_until
from tests.trial.same_trial import rows
from ttq_bench.cli import make_parser
from ttq_bench.commands.prepared import prepare
from ttq_bench.errors import DataError, TtqBenchError
from ttq_bench.execution.ray import security
from ttq_bench.records.attempts.lease import read_lease
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.remote.store import Folder
from ttq_bench.records.store import read_record
from ttq_bench.records.weights import weights_path
from ttq_bench.training.checkpoints import load_state
from ttq_bench.trial.outcome import Ended

pytestmark = pytest.mark.ray
EPOCHS = 60


def document(epochs=EPOCHS, parts=2, batch_size=32):
    tiny = tiny_document(
        epochs=epochs, methods=("ttq",), start="scratch", delta_strategies=[{"max_fraction": 0.05}]
    )
    for recipe in tiny["training"].values():
        recipe |= {"micro_batches": parts, "batch_size": batch_size}
    return tiny


def other_rank(grid, trial_id):
    """Return the process of the rank that is not the first, None as long as there is none."""
    lease = read_lease(grid.results.trial(trial_id).attempt(1))
    for process in processes_of(grid.folder):
        title = Path(f"/proc/{process}/cmdline").read_bytes()
        if lease and title.startswith(b"ray::RayTrainWorker") and process != lease.process:
            return process
    return None


@pytest.mark.full
def test_a_trial_whose_second_rank_is_killed_goes_on_and_ends_like_one_of_a_single_process(
    tmp_path,
):
    alone = undisturbed(tmp_path / "alone", document())
    (name,) = alone.records()
    grid = Grid(tmp_path / "two", document(), (*UNDISTURBED[2:], "--ranks", "2"))
    driver = grid.start()
    wait_until(lambda: grid.epoch(name) >= 2, 120)
    os.kill(other_rank(grid, name), signal.SIGKILL)
    output, _ = driver.communicate(timeout=300)
    assert driver.returncode == 0, output
    assert f"{name}: its worker died (" in output
    assert "gone); goes on at its last checkpoint" in output or "rank 1 died)" in output

    paths, expected = (one.results.trial(name) for one in (grid, alone))
    record = read_record(paths.record)
    assert record.run["ranks"] == 2
    assert record.run["earlier_attempts_ended"]["1"].startswith("crash: ")
    first, second = record.run["attempts"]
    assert (first["after_epoch"], second["attempt"]) == (0, 2)
    assert 2 <= second["after_epoch"] < EPOCHS
    weights, wanted = (load_state(weights_path(one))["model"] for one in (paths, expected))
    torch.testing.assert_close(weights, wanted, rtol=1e-4, atol=1e-5)
    found, other = rows(paths, "epochs.parquet"), rows(expected, "epochs.parquet")
    assert len(found) == EPOCHS
    for here, there in zip(found, other, strict=True):
        assert here["train_loss"] == pytest.approx(there["train_loss"], rel=1e-4)
        assert abs(here["test_error_percent"] - there["test_error_percent"]) < 0.5


@pytest.mark.parametrize(
    ("parts", "batch_size", "words", "told"),
    [
        (
            2,
            32,
            ("--ranks", "3"),
            "expected 1/2, for training.full_precision.micro_batches is 2",
        ),
        (3, 33, ("--ranks", "3"), "takes 3 cores, this machine has 2 cores; give fewer"),
        (2, 32, ("--ranks", "2", "--backend", "inprocess"), "not go with --backend inprocess"),
        (5, 32, (), "micro_batches: 5 do not divide batch_size 32"),
    ],
)
def test_ranks_that_do_not_fit_are_refused_in_a_sentence(
    tmp_path, monkeypatch, *, parts, batch_size, words, told
):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})  # whatever machine this is
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(document(1, parts, batch_size)), encoding="utf-8")
    folder = Folder(ResultsPaths(tmp_path / "results"))
    with pytest.raises(TtqBenchError) as refused:
        prepare(make_parser().parse_args(["run", str(path), "--threads", "1", *words]), folder)
    assert told in str(refused.value)


class FailedError(Exception):
    """What Ray Train raises, as far as it is looked at."""

    def __init__(self, worker_failures):
        super().__init__()
        self.worker_failures = worker_failures


class WorkerHealthCheckTimeoutError(Exception):
    """What it calls a worker that does not answer."""


def test_of_failing_ranks_the_one_that_failed_by_itself_is_told(tmp_path, cache):
    security.prepare(None, None)  # before Ray is imported, here as everywhere
    from ray.exceptions import OutOfMemoryError

    from ttq_bench.execution.ray.ranks import GONE, Group, RankFailedError, _failed

    class MissedError(Exception):
        """What it says of a worker whose process is missing."""

        health_check_failure = OutOfMemoryError("no memory")

    def of_first(message, cause):
        return RankFailedError(Ended("t", "failed", message, cause))

    lost = RuntimeError("third_party/gloo: Connection closed by peer")
    silent = WorkerHealthCheckTimeoutError("host, address, process")
    cases = [
        ({0: of_first("no image", "error")}, "error", "no image"),
        ({0: of_first("gloo", "crash")}, "crash", GONE),
        ({0: of_first("gloo", "crash"), 1: MissedError()}, "memory", "rank 1 died"),
        ({0: lost, 1: DataError("bad image")}, "error", "rank 1: bad image"),
        ({0: ValueError("whatever"), 1: MissedError()}, "memory", "rank 1 died"),
        ({0: lost, 1: silent}, "silence", "rank 1 gave no sign of life"),
        ({1: OSError(28, "full")}, "system", "rank 1: OSError(28, 'full')"),
        ({}, "crash", GONE),
    ]
    (spec,) = tiny_specs(cache, methods=("full_precision",))
    group = Group(spec, settings_for(tmp_path, cache), "task", None, None, 60.0)
    for failures, cause, message in cases:
        ended = _failed(group, FailedError(failures), 0)
        assert (ended.outcome, ended.cause, ended.message) == ("failed", cause, message)
