from pathlib import Path

import pytest

from ttq_bench.execution.ray.record_visibility import GRACE_SECONDS, Unseen
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.trial.outcome import Ended


@pytest.fixture
def unseen():
    now = [0.0]
    made = Unseen(clock=lambda: now[0])
    made.now = now
    return made


def write_record(results: ResultsPaths, trial_id: str) -> None:
    record: Path = results.trial(trial_id).record
    record.parent.mkdir(parents=True)
    record.write_text("{}")


def test_a_record_that_is_here_settles_its_trial_at_once(tmp_path, unseen):
    results, ended = ResultsPaths(tmp_path), Ended("a", "diverged")
    write_record(results, "a")
    unseen.add(ended)
    assert unseen.settled(results) == [ended]
    assert unseen.settled(results) == []


def test_a_record_that_comes_late_is_waited_for(tmp_path, unseen):
    results = ResultsPaths(tmp_path)
    unseen.add(Ended("a", "finished"))
    unseen.add(Ended("b", "finished"))
    unseen.now[0] = GRACE_SECONDS
    assert unseen.settled(results) == []
    write_record(results, "b")
    assert unseen.settled(results) == [Ended("b", "finished")]


def test_a_record_that_does_not_come_fails_its_trial_with_the_reason(tmp_path, unseen):
    unseen.add(Ended("a", "finished"))
    unseen.now[0] = GRACE_SECONDS + 1
    (failed,) = unseen.settled(ResultsPaths(tmp_path))
    assert (failed.outcome, failed.cause) == ("failed", "error")
    assert failed.message == (
        f"its record is not to be seen in {tmp_path} here: results must lie on storage that all"
        " nodes share"
    )
