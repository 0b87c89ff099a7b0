"""A trial that is stopped within an epoch goes on there; its tables are those of a whole one."""

import itertools
import subprocess
import sys
from dataclasses import replace

import pytest

from tests.tiny_suite import settings_for, tiny_plan, tiny_specs, wait_until
from tests.trial.same_trial import assert_same_trial, bring_parent
from ttq_bench.cli import main
from ttq_bench.records.attempts.progress import read_progress
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.trial import epochs
from ttq_bench.trial.run import run_trial

STEPS = 1197 // 32  # of an epoch: digits without the 200 that are held out, in whole batches


@pytest.mark.parametrize("index", [0, 2])  # a parent; TTQ by constant sparsity
def test_no_step_is_trained_twice(whole, cache, tmp_path, monkeypatch, index):
    monkeypatch.setattr(epochs, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(epochs, "LOSS_SECONDS", 0.0)
    spec = tiny_specs(cache, epochs=3)[index]
    bring_parent(spec, whole, tmp_path)
    paths, trained = ResultsPaths(tmp_path).trial(spec.trial_id), []
    step = epochs.move_strategy
    monkeypatch.setattr(
        epochs, "move_strategy", lambda *place: (trained.append(place[2:]), step(*place))
    )
    shares, looks = set(), itertools.cycle(range(10))  # each attempt is stopped after some
    for _ in range(200):
        ended = run_trial(spec, settings_for(tmp_path, cache), lambda: next(looks) == 9)
        if ended == "finished":
            break
        shares.add(read_progress(paths).saved_share)
    _, all_steps = trained[0]
    steps = [step for step, _ in trained if step < all_steps]  # the rest is evaluation
    assert steps == 3 * list(range(all_steps))
    assert len(shares) > 3
    assert max(shares) <= 1
    assert_same_trial(paths, ResultsPaths(whole).trial(spec.trial_id))


@pytest.mark.slow
def test_a_long_epoch_is_saved_on_its_way(whole, cache, tmp_path, monkeypatch):
    monkeypatch.setattr(epochs, "LOOK_SECONDS", 0.0)
    spec, seen = tiny_specs(cache, epochs=3)[0], set()
    paths = ResultsPaths(tmp_path).trial(spec.trial_id)

    def look() -> bool:
        seen.update(path.name for path in paths.attempt(1).checkpoints.glob("*.pt"))
        return False

    settings = replace(settings_for(tmp_path, cache), checkpoint_seconds=0.0)
    assert run_trial(spec, settings, look) == "finished"
    assert {"epoch-000000-step-00000001.pt", "epoch-000001.pt", "epoch-000002.pt"} <= seen
    assert_same_trial(paths, ResultsPaths(whole).trial(spec.trial_id))


SLOW = """
import sys, time
from dataclasses import replace
from pathlib import Path
from tests.tiny_suite import settings_for, tiny_specs
from ttq_bench.trial import epochs, heartbeat
from ttq_bench.trial.run import run_trial
epochs.LOOK_SECONDS, heartbeat.BEAT_SECONDS = 0.0, 0.01
results, cache = map(Path, sys.argv[1:])
settings = replace(settings_for(results, cache), checkpoint_seconds=0.0)
run_trial(tiny_specs(cache, epochs=3)[0], settings, lambda: time.sleep(0.05))
"""


def test_a_killed_trial_is_shown_where_it_goes_on_within_its_epoch(cache, tmp_path, capsys):
    spec = tiny_specs(cache, epochs=3)[0]
    paths = ResultsPaths(tmp_path).trial(spec.trial_id)
    with subprocess.Popen([sys.executable, "-c", SLOW, tmp_path, cache]) as worker:
        try:
            wait_until(lambda: getattr(read_progress(paths), "saved_share", 0.0) > 0, 300)
        finally:
            worker.kill()
    progress = read_progress(paths)
    (newest, *_) = sorted((p.name for p in paths.attempt(1).checkpoints.glob("*.pt")), reverse=True)
    saved_steps = int(newest.removesuffix(".pt").rpartition("-")[2])
    assert not progress.ended
    assert 0 < progress.saved_share <= saved_steps / STEPS
    (planned, *_) = tiny_plan(tmp_path, cache, epochs=3).trials
    share = f"{100 * progress.saved_share:.0f} %"
    assert planned.reason == f"goes on within epoch 1, after {share} of it"
    path = paths.attempt(1).progress
    path.write_text(path.read_text().replace(f'"updated": {progress.updated}', '"updated": 0.0'))
    assert main(["status", "--results", str(tmp_path)]) == 0
    assert f"started {spec.trial_id}: epoch 0 of 3, {share} of the next" in capsys.readouterr().out
