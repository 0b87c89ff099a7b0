import json
import sys
from dataclasses import replace

from tests.tiny_suite import settings_for, tiny_specs
from ttq_bench.execution.ray.workers import Sign, leave_sign
from ttq_bench.records.attempts.lease import Lease, claim, earlier_ends
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.trial.attempt import attempt
from ttq_bench.trial.outcome import Ended

NEVER = bool  # bool() is False


def failure_of(results, spec):
    return json.loads(ResultsPaths(results).trial(spec.trial_id).failure.read_text())


def test_an_unforeseen_error_leaves_its_traceback_and_does_not_raise(cache, tmp_path):
    spec = tiny_specs(cache)[0]
    attempts = ResultsPaths(tmp_path).trial(spec.trial_id).attempts
    attempts.parent.mkdir(parents=True)
    attempts.write_text("a file where a folder has to be")
    ended = attempt(spec, settings_for(tmp_path, cache), NEVER)
    assert (ended.trial_id, ended.outcome) == (spec.trial_id, "failed")
    failure = failure_of(tmp_path, spec)
    assert failure["traceback"].startswith("Traceback (most recent call last)")
    assert failure["reason"] == f"{attempts}: File exists"
    assert failure["reason"] == ended.message
    assert failure["spec"] == spec.resolved()
    assert not ResultsPaths(tmp_path).trial(spec.trial_id).folder.exists()


def test_what_the_user_can_mend_is_told_without_a_traceback(cache, tmp_path):
    child = tiny_specs(cache)[1]
    ended = attempt(child, settings_for(tmp_path, cache), NEVER)
    assert ended.outcome == "failed"
    assert "weights of the parent are missing" in ended.message
    failure = failure_of(tmp_path, child)
    assert (failure["traceback"], failure["reason"]) == ("", ended.message)


def test_a_folder_that_takes_no_failure_file_is_told_in_the_message(cache, tmp_path):
    (tmp_path / "file").write_text("")
    spec = tiny_specs(cache)[0]
    ended = attempt(spec, settings_for(tmp_path / "file" / "results", cache), NEVER)
    assert ended.outcome == "failed"
    assert "failure.json could not be written" in ended.message


def test_the_stop_file_of_the_results_folder_ends_an_attempt_that_a_rerun_takes_up(cache, tmp_path):
    spec, results = tiny_specs(cache, epochs=1)[0], ResultsPaths(tmp_path)
    results.stop_file.parent.mkdir(parents=True)
    results.stop_file.touch()
    settings = settings_for(tmp_path, cache)
    assert attempt(spec, settings, NEVER) == Ended(spec.trial_id, "stopped")
    assert not results.trial(spec.trial_id).failure.exists()
    results.stop_file.unlink()
    assert attempt(spec, settings, NEVER) == Ended(spec.trial_id, "finished")


def test_a_success_takes_the_failure_of_the_attempt_before_away(cache, tmp_path):
    spec, settings = tiny_specs(cache, epochs=1)[0], settings_for(tmp_path, cache)
    paths = ResultsPaths(tmp_path).trial(spec.trial_id)
    paths.work.mkdir(parents=True)
    paths.attempts.write_text("")
    assert attempt(spec, settings, NEVER).outcome == "failed"
    paths.attempts.unlink()
    assert attempt(spec, settings, NEVER).outcome == "finished"
    assert not paths.failure.exists()


def test_whatever_fails_after_a_newer_attempt_took_over_is_no_failure_of_the_trial(cache, tmp_path):
    spec, settings = tiny_specs(cache, epochs=4)[0], settings_for(tmp_path, cache)
    paths = ResultsPaths(tmp_path).trial(spec.trial_id)

    def files_vanish_under_it():
        if not paths.attempt(1).checkpoints.exists():
            return False
        claim(paths, Lease("elsewhere", 1, "", "", ""))
        raise FileNotFoundError("deleted by the newer attempt")

    ended = attempt(spec, settings, files_vanish_under_it)
    said = "attempt 2 has taken over from attempt 1"
    assert ended == Ended(spec.trial_id, "failed", said, "silence")
    assert not paths.failure.exists()
    assert earlier_ends(paths.attempt(2)) == {"1": f"superseded: {said}"}


def test_a_node_that_cannot_reach_object_storage_says_what_to_install(cache, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    spec = tiny_specs(cache)[0]
    settings = replace(settings_for(tmp_path, cache), url="s3://bucket/prefix")
    leave_sign(ResultsPaths(tmp_path).trial(spec.trial_id), Sign("t", "h", 1, "n"), settings.url)
    ended = attempt(spec, settings, NEVER)
    assert (ended.outcome, ended.cause) == ("failed", "error")
    assert "pip install 'ttq-bench[s3]'" in ended.message
