"""A trial that is stopped within an epoch goes on there; its tables are those of a whole one."""

import itertools
from dataclasses import replace

import pytest

from tests.execution.same_trial import assert_same_trial, bring_parent
from tests.tiny_suite import settings_for, tiny_specs
from ttq_bench.execution import epochs
from ttq_bench.execution.trial import run_trial
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.progress import read_progress


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
