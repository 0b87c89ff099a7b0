import json
import os
import subprocess
import sys
import time

import pytest

from tests.claimed import claimed_progress
from tests.record_builders import write_trial
from tests.tiny_suite import settings_for, tiny_specs
from ttq_bench.cli import main
from ttq_bench.records.attempts.holder import this_process
from ttq_bench.records.attempts.progress import Progress
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.training.checkpoints import save_checkpoint
from ttq_bench.trial.attempt import attempt


@pytest.fixture
def results(tmp_path, cache):
    """One trial finished, one failed, one at work, one started long ago."""
    results = ResultsPaths(tmp_path / "results")
    parent, child, _ = tiny_specs(cache, epochs=1)
    settings = settings_for(results.root, cache)
    assert attempt(child, settings, bool).outcome == "failed"
    assert attempt(parent, settings, bool).outcome == "finished"
    for name, age in (("a-running", 0), ("b-started", 60)):
        progress = Progress(3, 9, 0.5, 1.0, 1.0, time.time() - age)
        claimed_progress(results.trial(name), progress)
    return results


def test_the_status_as_json_counts_and_names(results, cache, capsys):
    assert main(["status", "--results", str(results.root), "--json"]) == 0
    status = json.loads(capsys.readouterr().out)
    counts = {
        "finished": 1, "diverged": 0, "stale": 0, "newer": 0,
        "running": 1, "started": 1, "failed": 1,
    }  # fmt: skip
    assert status.keys() == {"counts", "left_out", "unfinished", "alarms", "failures"}
    assert status["counts"] == counts
    assert status["unfinished"] == [
        {"trial_id": "a-running", "state": "running", "epoch": 3, "epochs": 9,
         "share_of_epoch": 0.5},
        {"trial_id": "b-started", "state": "started", "epoch": 3, "epochs": 9,
         "share_of_epoch": 0.0},  # no checkpoint has more
    ]  # fmt: skip
    (failure,) = status["failures"]
    assert failure["trial_id"] == tiny_specs(cache, epochs=1)[1].trial_id
    assert "weights of the parent are missing" in failure["reason"]


def test_the_status_for_readers_has_a_line_for_each_trial_that_is_not_done(results, capsys):
    assert main(["status", "--results", str(results.root)]) == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert first == (
        f"{results.root}: 1 finished, 0 diverged, 0 stale, 0 newer, 1 running, 1 started, 1 failed"
    )
    assert rest[:2] == [
        "  running a-running: epoch 3 of 9, 50 % of the next",
        "  started b-started: epoch 3 of 9",
    ]
    assert rest[2].startswith("  failed  digits-lenet5-ttq")


def test_a_trial_with_damaged_progress_is_started_at_its_newest_whole_checkpoint(tmp_path, capsys):
    trial = ResultsPaths(tmp_path).trial("a")
    attempt = claimed_progress(trial, Progress(3, 9, 0.5, 1.0, 1.0, time.time()))
    attempt.progress.write_bytes(b'{"epoch": 3')  # other damage: tests/records/attempts
    save_checkpoint(attempt.checkpoints, 2, {"epoch": 2})
    save_checkpoint(attempt.checkpoints, 3, {"epoch": 3}, step=7)
    newest = attempt.checkpoints / "epoch-000003-step-00000007.pt"

    for epoch in (3, 2, None):
        assert main(["status", "--results", str(tmp_path), "--json"]) == 0
        status = json.loads(capsys.readouterr().out)
        assert (status["counts"]["started"], status["counts"]["running"]) == (1, 0)
        assert status["unfinished"] == [
            {"trial_id": "a", "state": "started", "epoch": epoch, "epochs": None,
             "share_of_epoch": None}
        ]  # fmt: skip
        assert main(["status", "--results", str(tmp_path)]) == 0
        at = "at an unknown epoch" if epoch is None else f"checkpoint of epoch {epoch}"
        told = capsys.readouterr().out.splitlines()[1]
        assert told == f"  started a: {at}; its progress.json is missing or damaged"
        newest.write_bytes(b"damaged")
        newest = attempt.checkpoints / "epoch-000002.pt"


def test_nothing_runs_once_the_driver_was_killed_however_fresh_the_signs(results, capsys):
    with subprocess.Popen([sys.executable, "-c", ""]) as driver:
        driver.wait()
    own = f"process {os.getpid()} "
    results.lock.write_text(this_process().replace(own, f"process {driver.pid} "))
    assert main(["status", "--results", str(results.root)]) == 0
    assert "0 running, 2 started" in capsys.readouterr().out


def test_records_of_other_training_versions_are_counted_apart_with_what_to_do(tmp_path, capsys):
    for name, version in (("a", 0), ("b", 0), ("c", 1), ("d", 2)):
        write_trial(tmp_path, name, seed=0, errors=(20.0,), training_version=version)
    assert main(["status", "--results", str(tmp_path)]) == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{tmp_path}: 1 finished, 0 diverged, 2 stale, 1 newer, ")
    assert rest[0].startswith("  2 records are stale: made under training version 0, the code has")
    assert rest[1].startswith("  1 record is newer: made under training version 2, the code has")


def test_a_folder_that_is_not_there_is_named_and_not_made(tmp_path, capsys):
    assert main(["status", "--results", str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err == (
        f"ttq-bench: {tmp_path / 'none'}: no such folder; name one with --results\n"
    )
    assert not (tmp_path / "none").exists()


def test_an_empty_folder_holds_nothing(tmp_path, capsys):
    assert main(["status", "--results", str(tmp_path)]) == 0
    assert "0 finished" in capsys.readouterr().out


def test_a_trial_that_ended_at_chance_level_is_an_alarm(tmp_path, capsys):
    write_trial(tmp_path, "learned", seed=0, errors=(50.0, 9.0))
    write_trial(tmp_path, "guessing", seed=1, errors=(50.0, 90.0))

    assert main(["status", "--results", str(tmp_path)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert main(["status", "--results", str(tmp_path), "--json"]) == 0

    sentence = "ended at chance level: a test error of 90.00 %, guessing has 90.00 %"
    assert told[1:] == [f"  alarm   guessing: {sentence}"]
    rows = json.loads(capsys.readouterr().out)["alarms"]
    assert rows == [{"trial_id": "guessing", "alarms": [sentence]}]
