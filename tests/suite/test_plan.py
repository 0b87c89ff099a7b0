from dataclasses import replace

import pytest

from tests.claimed import LEASE, claimed_progress
from tests.record_builders import publish_record
from tests.records.conftest import make_epochs, make_record
from tests.suite.conftest import trials_of
from ttq_bench.files import digest_path, file_digest
from ttq_bench.records.attempts.lease import claim
from ttq_bench.records.attempts.progress import Progress, write_progress
from ttq_bench.records.store import read_records, write_failure
from ttq_bench.records.weights import weights_path
from ttq_bench.spec.training_version import TRAINING_VERSION
from ttq_bench.suite.costs import STARTUP_SECONDS
from ttq_bench.suite.plan import make_plan
from ttq_bench.training.checkpoints import save_checkpoint


@pytest.fixture
def specs(small):
    """One parent, its control, and one ternary child."""
    small |= {"models": ["resnet20"], "seeds": [0], "delta_strategies": [{"max_fraction": 0.05}]}
    return trials_of(small)


def publish(results, spec, outcome="finished"):
    record = make_record(
        spec.trial_id, outcome=outcome, spec=spec.resolved(), run={"device": "cpu", "threads": 1}
    )
    publish_record(results.trial(spec.trial_id), record, {"epochs.parquet": make_epochs([9.0])})


def keep_weights(results, spec):
    weights = weights_path(results.trial(spec.trial_id))
    weights.parent.mkdir(parents=True, exist_ok=True)
    weights.write_bytes(b"weights")
    digest_path(weights).write_text(file_digest(weights))


def progress(results, spec, epoch):
    claimed_progress(
        results.trial(spec.trial_id), Progress(epoch, spec.recipe.epochs, 0.0, 9.0, 1.0, 0.0)
    )


def plan_of(specs, results, device="cpu"):
    return make_plan(specs, results, device, read_records(results))


def states(specs, results):
    return [trial.state for trial in plan_of(specs, results).trials]


def test_without_results_every_trial_is_new_with_all_its_epochs(specs, results):
    plan = plan_of(specs, results)
    assert [trial.state for trial in plan.trials] == ["new"] * 3
    assert [trial.epochs_left for trial in plan.trials] == [8, 3, 3]
    assert [trial.spec for trial in plan.pending] == specs
    assert not results.root.exists()


def test_a_trial_with_progress_is_started_and_has_fewer_epochs_left(specs, results):
    progress(results, specs[0], 5)
    trial = plan_of(specs, results).trials[0]
    assert (trial.state, trial.epochs_left) == ("started", 3)
    assert trial.reason == "goes on after epoch 5"


def test_a_trial_in_its_first_epoch_is_new(specs, results):
    progress(results, specs[0], 0)
    assert states(specs, results)[0] == "new"


def test_trials_with_records_are_done_and_cost_nothing_even_without_weights(specs, results):
    for spec in specs:
        publish(results, spec)
    plan = plan_of(specs, results)
    assert [trial.state for trial in plan.trials] == ["done"] * 3
    assert plan.pending == []
    assert plan.seconds(2) == 0


def test_a_diverged_trial_is_not_tried_again_and_its_children_are_told_why(specs, results):
    publish(results, specs[0], outcome="diverged")
    plan = plan_of(specs, results)
    assert [trial.state for trial in plan.trials] == ["diverged", "new", "new"]
    assert {trial.reason for trial in plan.trials[1:]} == {"its parent diverged"}


def test_a_failed_trial_is_tried_again(specs, results):
    write_failure(results.trial(specs[0].trial_id), "out of memory", "", {})
    trial = plan_of(specs, results).trials[0]
    assert (trial.state, trial.is_pending) == ("failed", True)
    assert str(results.trial(specs[0].trial_id).failure) in trial.reason


def test_a_parent_is_trained_again_when_a_child_needs_weights_that_are_gone(specs, results):
    publish(results, specs[0])
    plan = plan_of(specs, results)
    assert [trial.state for trial in plan.trials] == ["again", "new", "new"]
    assert plan.trials[0].epochs_left == 8


def test_a_parent_is_done_while_its_weights_are_whole(specs, results):
    publish(results, specs[0])
    keep_weights(results, specs[0])
    assert states(specs, results) == ["done", "new", "new"]
    weights_path(results.trial(specs[0].trial_id)).write_bytes(b"weighty")
    assert states(specs, results) == ["again", "new", "new"]


def of_version(spec, version, parent=None):
    return spec.model_copy(update={"training_version": version, "parent": parent})


@pytest.mark.parametrize(
    ("version", "state"), [(TRAINING_VERSION - 1, "stale"), (TRAINING_VERSION + 1, "newer")]
)
def test_a_trial_with_a_record_of_another_version_is_new_and_told_why(
    specs, results, version, state
):
    parent, *children = specs
    publish(results, of_version(parent, version))
    for child in children:
        other = of_version(child, version, of_version(parent, version).trial_id)
        assert other.trial_id != child.trial_id
        publish(results, other)
    plan = plan_of(specs, results)
    assert [trial.state for trial in plan.trials] == ["new"] * 3
    assert {trial.reason for trial in plan.trials} == {
        f"has a {state} record (training version {version})"
    }
    assert [trial.epochs_left for trial in plan.trials] == [8, 3, 3]


def test_a_trial_with_damaged_progress_goes_on_where_its_checkpoints_say(specs, results):
    attempt = claimed_progress(results.trial(specs[0].trial_id), Progress(5, 8, 0.0, 9.0, 1.0, 0.0))
    attempt.progress.write_bytes(b"[]")
    save_checkpoint(attempt.checkpoints, 4, {"epoch": 4})

    trial = plan_of(specs, results).trials[0]

    assert (trial.state, trial.epochs_left) == ("started", 4)
    assert trial.reason == "goes on after epoch 4"


def test_the_stale_record_of_another_spec_is_no_reason(specs, results):
    other = specs[0].model_copy(update={"seed": 7, "training_version": TRAINING_VERSION - 1})
    publish(results, other)
    assert [trial.reason for trial in plan_of(specs, results).trials] == [""] * 3


def test_a_stale_record_does_not_hide_where_a_trial_stands(specs, results):
    publish(results, of_version(specs[0], TRAINING_VERSION - 1))
    progress(results, specs[0], 5)
    assert plan_of(specs, results).trials[0].reason == "goes on after epoch 5"
    publish(results, specs[0], outcome="diverged")
    assert plan_of(specs, results).trials[1].reason == "its parent diverged"


def test_time_is_work_and_starts_over_workers(specs, results):
    plan = plan_of(specs, results)
    work = sum(trial.core_seconds for trial in plan.trials) + 3 * STARTUP_SECONDS
    assert plan.seconds(1) == pytest.approx(work)
    assert plan.seconds(4) == pytest.approx(work / 4)


def test_on_gpus_the_longest_trial_sets_a_bound(specs, results):
    plan = plan_of(specs, results, "cuda")
    assert plan.seconds(1_000) == max(trial.core_seconds for trial in plan.trials)


def test_a_plan_as_json_names_every_trial_with_its_state(specs, results):
    entries = plan_of(specs, results).as_json()
    assert [entry["trial_id"] for entry in entries] == [spec.trial_id for spec in specs]
    assert {entry["state"] for entry in entries} == {"new"}
    assert entries[1]["parent"] == specs[0].trial_id


def test_a_trial_that_other_code_began_is_begun_anew_and_that_is_said(specs, results):
    paths = results.trial(specs[0].trial_id)
    attempt = claim(paths, replace(LEASE, arithmetic="0123456789ab"))
    write_progress(attempt, Progress(5, 8, 0.0, 9.0, 1.0, 0.0))
    trial = plan_of(specs, results).trials[0]
    assert (trial.state, trial.epochs_left) == ("started", 8)
    assert trial.reason == "begins anew: the code that trains changed after epoch 5"
