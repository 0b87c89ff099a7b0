"""The scheduler on the real in-process backend, and on backends that end trials as told."""

import dataclasses
import json
import time

import pytest

from tests.tiny_suite import settings_for, tiny_plan
from ttq_bench.execution import scheduler
from ttq_bench.execution.backends import InProcessBackend
from ttq_bench.execution.resources import Shares
from ttq_bench.execution.scheduler import Scheduler
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.trial.outcome import MOST_ATTEMPTS, Ended


class Told:
    """Ends each submitted trial with the outcomes laid out for it, one after the other."""

    def __init__(self, outcomes=None):
        self.outcomes = {name: list(list_) for name, list_ in (outcomes or {}).items()}
        self.submitted, self.open, self.most_at_once, self.closed = [], [], 0, False

    def submit(self, spec, settings):
        self.submitted.append(spec.trial_id)
        self.open.append(spec.trial_id)
        self.most_at_once = max(self.most_at_once, len(self.open))

    def wait(self, seconds):
        if not self.open:
            return []
        name = self.open.pop(0)
        left = self.outcomes.get(name) or ["finished"]
        outcome, _, cause = left.pop(0).partition(" ")
        return [Ended(name, outcome, "as told", cause)]

    def slots(self, shares):
        return shares.slots

    def news(self):
        return []

    def close(self):
        self.closed = True


def schedule(plan, backend, tmp_path, *, should_stop=bool, slots=1, cache=None):
    told = []
    settings = settings_for(tmp_path, cache or tmp_path)
    shares = Shares(slots, 1, 0.0)
    folder = settings.folder()
    return Scheduler(plan, backend, settings, shares, should_stop, told.append, folder).run(), told


def ids(plan):
    return [trial.spec.trial_id for trial in plan.trials]


@pytest.fixture
def plan(tmp_path, cache):
    """A plan of two parents with two children each."""
    return tiny_plan(tmp_path, cache, epochs=1, seeds=[0, 1])


def test_a_grid_run_in_process_has_all_its_records(tmp_path, cache):
    plan = tiny_plan(tmp_path, cache, epochs=1)
    tally, told = schedule(plan, InProcessBackend(bool), tmp_path, cache=cache)
    assert tally.finished == set(ids(plan))
    assert (told, tally.failed, tally.left, tally.running) == ([], {}, set(), set())
    assert all(ResultsPaths(tmp_path).trial(name).record.exists() for name in ids(plan))


@pytest.mark.parametrize("slots", [1, 2, 9])
def test_every_child_starts_after_its_parent_ended(plan, tmp_path, slots):
    ended = []

    class Watching(Told):
        def submit(self, spec, settings):
            assert spec.parent is None or spec.parent in ended
            super().submit(spec, settings)

        def wait(self, seconds):
            result = super().wait(seconds)
            ended.extend(one.trial_id for one in result)
            return result

    backend = Watching()
    tally, _ = schedule(plan, backend, tmp_path, slots=slots)
    assert sorted(backend.submitted) == sorted(ids(plan))
    assert tally.finished == set(ids(plan))
    assert backend.most_at_once == min(slots, 4)  # a parent's end sets two children free


def test_parents_and_long_trials_start_first(plan, tmp_path):
    long_parent, parent, *children = plan.trials
    weights = {trial.spec.trial_id: 10.0 * (n + 1) for n, trial in enumerate(children)}
    trials = (
        dataclasses.replace(long_parent, core_seconds=1.0),
        dataclasses.replace(parent, core_seconds=2.0),
        *(dataclasses.replace(t, core_seconds=weights[t.spec.trial_id]) for t in children),
    )
    backend = Told()
    schedule(dataclasses.replace(plan, trials=trials), backend, tmp_path)
    names = [parent.spec.trial_id, long_parent.spec.trial_id]
    assert backend.submitted == names + [t.spec.trial_id for t in reversed(children)]


@pytest.mark.parametrize("outcome", ["failed", "diverged"])
def test_children_of_a_parent_that_has_no_weights_are_given_up_with_the_reason(
    plan, tmp_path, outcome
):
    parent = ids(plan)[0]
    backend = Told({parent: [outcome]})
    tally, told = schedule(plan, backend, tmp_path)
    orphans = {t.spec.trial_id for t in plan.trials if t.spec.parent == parent}
    assert len(orphans) == 2
    assert all(tally.failed[name] == f"its parent {parent} {outcome}" for name in orphans)
    assert not orphans & set(backend.submitted)
    assert len(tally.finished) == 3
    assert parent in told[0]
    assert sum("not run: its parent" in line for line in told) == len(told) - 1 == 2


def test_a_plain_failure_is_not_tried_again_in_the_same_run(plan, tmp_path):
    child = ids(plan)[-1]
    backend = Told({child: ["failed", "finished"]})
    tally, _ = schedule(plan, backend, tmp_path)
    assert backend.submitted.count(child) == 1
    assert tally.failed == {child: "as told"}


@pytest.mark.parametrize("cause", sorted(set(MOST_ATTEMPTS) - {"system"}))
def test_each_class_of_failure_is_tried_as_often_as_the_table_says(plan, tmp_path, cause):
    name, most = ids(plan)[0], MOST_ATTEMPTS[cause]
    for failures in (most - 1, most):
        backend = Told({name: [f"failed {cause}"] * failures})
        tally, told = schedule(plan, backend, tmp_path / str(failures))
        assert backend.submitted.count(name) == min(failures + 1, most)
        assert (name in tally.failed) == (failures == most)
        assert sum("as told" in line for line in told) == failures
        failure = ResultsPaths(tmp_path / str(failures)).trial(name).failure
        assert failure.exists() == (failures == most and cause != "error")  # the worker leaves that
        assert len(tally.finished) == (3 if failures == most else 6)


def test_what_the_driver_gave_up_is_noted_by_the_driver(plan, tmp_path):
    class GivesUp(Told):
        def wait(self, seconds):
            return [dataclasses.replace(one, by_driver=True) for one in super().wait(seconds)]

    name = ids(plan)[-1]
    schedule(plan, GivesUp({name: ["failed error"]}), tmp_path)
    failure = ResultsPaths(tmp_path).trial(name).failure
    assert json.loads(failure.read_text())["reason"] == "as told"


def test_an_error_of_the_system_is_tried_again_after_a_pause(plan, tmp_path, monkeypatch):
    monkeypatch.setattr(scheduler, "PAUSE_SECONDS", 0.2)
    name, starts = ids(plan)[-1], []

    class Timed(Told):
        def submit(self, spec, settings):
            if spec.trial_id == name:
                starts.append(time.monotonic())
            super().submit(spec, settings)

    tally, _ = schedule(plan, Timed({name: ["failed system"] * 2}), tmp_path)
    assert name in tally.finished
    assert starts[1] - starts[0] >= 0.2
    assert starts[2] - starts[1] >= 0.4


def test_a_submission_that_the_system_refuses_is_tried_again(plan, tmp_path, monkeypatch):
    monkeypatch.setattr(scheduler, "PAUSE_SECONDS", 0.01)
    refused = []

    class Refusing(Told):
        def submit(self, spec, settings):
            if not refused:
                refused.append(spec.trial_id)
                raise OSError(5, "Input/output error", "/shared")
            super().submit(spec, settings)

    tally, told = schedule(plan, Refusing(), tmp_path)
    reason = "the system refused (/shared: Input/output error); goes on at its last checkpoint"
    assert told == [f"{refused[0]}: {reason}"]
    assert len(tally.finished) == 6


def test_a_trial_that_ran_out_of_memory_is_tried_again_alone_after_all_others(plan, tmp_path):
    name, beside = ids(plan)[0], []

    class Watching(Told):
        def submit(self, spec, settings):
            super().submit(spec, settings)
            beside.append(sorted(self.open))

    backend = Watching({name: ["failed memory"]})
    tally, told = schedule(plan, backend, tmp_path, slots=2)
    children = {t.spec.trial_id for t in plan.trials if t.spec.parent == name}
    again = len(backend.submitted) - 1 - backend.submitted[::-1].index(name)
    assert beside[again] == [name]
    assert set(backend.submitted[again + 1 :]) == children
    assert len(tally.finished) == 6
    assert told == [f"{name}: oom: memory ran out (as told); is tried once more, alone"]


def test_a_stop_leaves_what_did_not_start_and_waits_for_what_runs(plan, tmp_path):
    backend = Told({ids(plan)[1]: ["stopped"]})
    stop = lambda: len(backend.submitted) >= 2  # noqa: E731
    tally, _ = schedule(plan, backend, tmp_path, should_stop=stop, slots=2)
    assert set(backend.submitted) == set(ids(plan)[:2])
    assert tally.finished == {ids(plan)[0]}
    assert tally.left == set(ids(plan)[1:])
    assert tally.running == set()


def test_what_ends_during_the_farewell_counts_as_finished(plan, tmp_path):
    backend = Told()
    tally, _ = schedule(plan, backend, tmp_path, should_stop=lambda: bool(backend.open), slots=9)
    assert tally.finished == set(ids(plan)[:2])
    assert tally.left == set(ids(plan)[2:])


@pytest.mark.parametrize("cause", ["crash", "system", "memory"])
def test_what_fails_during_the_farewell_is_left_to_the_next_run(plan, tmp_path, cause):
    name = ids(plan)[1]
    backend = Told({name: [f"failed {cause}"]})
    tally, _ = schedule(plan, backend, tmp_path, should_stop=lambda: bool(backend.open), slots=9)
    assert backend.submitted == ids(plan)[:2]
    assert (tally.finished, tally.failed) == ({ids(plan)[0]}, {})
    assert tally.left == set(ids(plan)[1:])


def test_a_trial_that_was_stopped_by_hand_does_not_keep_the_run_waiting(plan, tmp_path):
    parent = ids(plan)[0]
    tally, _ = schedule(plan, Told({parent: ["stopped"]}), tmp_path)
    children = {t.spec.trial_id for t in plan.trials if t.spec.parent == parent}
    assert tally.left == {parent} | children
    assert len(tally.finished) == 3


def test_trials_with_records_are_not_run_and_their_children_are(whole, cache, tmp_path):
    plan = tiny_plan(whole, cache, epochs=3, delta_strategies=[{"max_fraction": 0.1}])
    parent, child = ids(plan)
    backend = Told()
    tally, _ = schedule(plan, backend, tmp_path)
    assert backend.submitted == [child]
    assert tally.finished == {parent, child}
