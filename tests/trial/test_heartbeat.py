import shutil
import threading
import time
from dataclasses import replace

import pytest

from tests.claimed import LEASE
from tests.tiny_suite import wait_until
from ttq_bench.records.attempts.lease import claim
from ttq_bench.records.attempts.progress import Progress, progress_of
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.trial import heartbeat
from ttq_bench.trial.heartbeat import Heartbeat
from ttq_bench.trial.outcome import SupersededError

BEGUN = Progress(0, 8, 0.0, None, None, 0.0)


@pytest.fixture
def attempt(tmp_path, monkeypatch):
    monkeypatch.setattr(heartbeat, "BEAT_SECONDS", 0.01)
    return claim(ResultsPaths(tmp_path).trial("one"), LEASE)


def beat_of(attempt):
    return progress_of(attempt).beat


def test_it_beats_while_nothing_happens_and_says_when_it_ends(attempt):
    with Heartbeat(attempt, BEGUN):
        first = beat_of(attempt)
        wait_until(lambda: beat_of(attempt) > first + 2, 10)
        assert not progress_of(attempt).ended
    assert progress_of(attempt).ended


def test_it_tells_the_newest_progress_and_counts_on(attempt):
    with Heartbeat(attempt, BEGUN) as heart:
        heart.write(replace(BEGUN, epoch=3))
        before = beat_of(attempt)
        wait_until(lambda: beat_of(attempt) > before, 10)
        assert progress_of(attempt).epoch == 3


def test_a_beat_that_has_to_wait_writes_the_progress_that_came_meanwhile(attempt):
    heart = Heartbeat(attempt, BEGUN)
    beat = threading.Thread(target=heart._beat)
    with heart.lock:
        beat.start()
        time.sleep(0.1)  # it waits for the lock
        heart.progress = replace(BEGUN, epoch=3, beat=7)
    beat.join()
    assert (progress_of(attempt).epoch, beat_of(attempt)) == (3, 8)


def test_progress_that_is_noted_is_written_by_the_next_beat(attempt):
    heart = Heartbeat(attempt, replace(BEGUN, beat=7))
    heart.note(replace(BEGUN, epoch=3))
    assert heart.progress == replace(BEGUN, epoch=3, beat=7)
    heart._beat()
    assert (progress_of(attempt).epoch, beat_of(attempt)) == (3, 8)


def test_it_says_so_when_the_block_ends_by_an_error(attempt):
    with pytest.raises(ValueError, match="broken"), Heartbeat(attempt, BEGUN):
        raise ValueError("broken")
    assert progress_of(attempt).ended


def test_a_folder_that_goes_for_a_moment_does_not_end_the_beats(attempt):
    with Heartbeat(attempt, BEGUN) as heart:
        shutil.rmtree(attempt.folder)
        attempt.folder.write_text("in the way")
        wait_until(lambda: heart.progress.beat > 5, 10)
        attempt.folder.unlink()
        wait_until(lambda: progress_of(attempt), 10)


def test_an_attempt_may_write_until_a_newer_one_is_there_or_its_lease_is_not(attempt):
    with Heartbeat(attempt, BEGUN) as heart:
        heart.check()
        newer = claim(attempt.trial, LEASE)
        with pytest.raises(SupersededError, match="attempt 2 has taken over from attempt 1"):
            heart.check()
    with Heartbeat(newer, BEGUN) as heart:
        newer.lease.write_bytes(newer.lease.read_bytes()[:-9])
        with pytest.raises(SupersededError, match="the lease is missing or damaged"):
            heart.check()
