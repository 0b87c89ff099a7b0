import errno
from pathlib import Path

import pytest

from ttq_bench.execution.ray.record_visibility import GRACE_SECONDS, MissingRecords
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.trial.outcome import Ended


@pytest.fixture
def missing():
    now = [0.0]
    made = MissingRecords(clock=lambda: now[0])
    made.now = now
    return made


def write_record(results: ResultsPaths, trial_id: str) -> None:
    record: Path = results.trial(trial_id).record
    record.parent.mkdir(parents=True)
    record.write_text("{}")


def test_a_record_that_is_here_settles_its_trial_at_once(tmp_path, missing):
    results, ended = ResultsPaths(tmp_path), Ended("a", "diverged")
    write_record(results, "a")
    missing.add(ended)
    assert missing.settled(results) == [ended]
    assert missing.settled(results) == []


def test_a_record_that_comes_late_is_waited_for(tmp_path, missing):
    results = ResultsPaths(tmp_path)
    missing.add(Ended("a", "finished"))
    missing.add(Ended("b", "finished"))
    missing.now[0] = GRACE_SECONDS
    assert missing.settled(results) == []
    write_record(results, "b")
    assert missing.settled(results) == [Ended("b", "finished")]


def test_a_record_that_does_not_come_fails_its_trial_with_the_reason(tmp_path, missing):
    missing.add(Ended("a", "finished"))
    missing.now[0] = GRACE_SECONDS + 1
    (failed,) = missing.settled(ResultsPaths(tmp_path))
    assert (failed.outcome, failed.cause) == ("failed", "error")
    assert failed.message == (
        f"its record is not to be seen in {tmp_path} here: results must lie on storage that all"
        " nodes share"
    )


def test_a_record_out_of_reach_for_a_moment_is_waited_for(tmp_path, missing, monkeypatch):
    def refused(path):
        raise OSError(errno.ESTALE, "Stale file handle", str(path))

    results = ResultsPaths(tmp_path)
    write_record(results, "a")
    missing.add(Ended("a", "finished"))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "exists", refused)
        assert missing.settled(results) == []
    assert missing.settled(results) == [Ended("a", "finished")]
