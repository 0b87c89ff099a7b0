"""Signs of life against a clock of the test; the beats are written as a worker writes them."""

import errno
from dataclasses import replace
from pathlib import Path

import pytest

from tests.claimed import LEASE, claimed_progress
from ttq_bench.execution.ray.watchdog import STALL_SECONDS, START_SECONDS, Watchdog
from ttq_bench.execution.ray.workers import FETCH_SECONDS, Sign, leave_sign
from ttq_bench.records.attempts.lease import claim
from ttq_bench.records.attempts.progress import Progress, write_progress
from ttq_bench.records.paths import ResultsPaths

BEGUN = Progress(0, 8, 0.0, None, None, 0.0, beat=1)


@pytest.fixture
def paths(tmp_path):
    return ResultsPaths(tmp_path).trial("one")


@pytest.fixture
def watch(paths):
    """Return how to let seconds pass, and what the watchdog says then."""
    now = [0.0]
    dog = Watchdog(paths.results, silence_seconds=30.0, may_wait=True, clock=lambda: now[0])
    task = dog.begin("one")

    def after(seconds, each=lambda: None):
        said = {}
        for _ in range(int(seconds)):
            now[0] += 1.0
            each()
            said |= dog.silent()
        return said

    after.dog, after.now, after.task = dog, now, task
    return after


def test_a_trial_that_waits_for_a_worker_is_not_silent_and_neither_are_old_attempts(paths, watch):
    assert watch(100) == {}
    claim(paths, LEASE)
    watch.dog.begin("one")
    assert watch(100) == {}
    assert watch.dog.worker("one") is None


def test_a_worker_that_began_and_claims_nothing_is_told_a_minute_after_the_deadline(paths, watch):
    assert watch(100) == {}
    sign = Sign(watch.task, "here", 1, "node")
    leave_sign(paths, sign)
    assert watch.dog.worker("one") == sign
    assert watch(30 + START_SECONDS) == {}
    assert watch(2) == {"one": "no attempt begun for 90 s"}


def test_a_worker_that_brings_images_gets_longer_until_it_has_them(paths, watch):
    sign = Sign(watch.task, "here", 1, "node", brings_images=True)
    leave_sign(paths, sign)
    assert watch(30 + START_SECONDS + FETCH_SECONDS) == {}
    leave_sign(paths, replace(sign, brings_images=False))
    assert watch(30 + START_SECONDS) == {}
    assert watch(2) == {"one": "no attempt begun for 90 s"}


def test_a_worker_that_brings_images_for_ever_is_told(paths, watch):
    leave_sign(paths, Sign(watch.task, "here", 1, "node", brings_images=True))
    assert watch(92 + FETCH_SECONDS) == {"one": "no attempt begun for 690 s"}


def test_where_no_task_waits_one_without_a_worker_is_told_as_well(watch):
    watch.dog.may_wait = False
    assert watch(30 + START_SECONDS) == {}
    assert watch(2) == {"one": "no attempt begun for 90 s"}


def test_a_claim_in_time_starts_the_clock_of_beats(paths, watch):
    watch.dog.may_wait = False
    assert watch(80) == {}
    claim(paths, LEASE)
    assert watch.dog.worker("one") == LEASE
    assert watch(30) == {}
    assert watch(2) == {"one": "no sign of life for 30 s"}


def test_the_sign_of_an_earlier_task_says_nothing_of_this_one(paths, watch):
    leave_sign(paths, Sign(watch.task, "here", 1, "node"))
    watch.dog.begin("one")
    assert watch.dog.worker("one") is None
    assert watch(200) == {}


def test_a_worker_that_falls_silent_is_told_after_the_deadline_not_before(paths, watch):
    claimed_progress(paths, BEGUN)
    assert watch(30) == {}
    assert watch(2) == {"one": "no sign of life for 30 s"}


@pytest.mark.slow
def test_beats_keep_a_worker_alive_whatever_its_clock_says(paths, watch):
    attempt, beat = claimed_progress(paths, BEGUN), [1]

    def live():
        beat[0] += 1
        write_progress(attempt, replace(BEGUN, beat=beat[0], updated=-3600.0))

    assert watch(200, live) == {}
    assert watch(STALL_SECONDS, live) == {"one": "no training step for 30 min"}


def test_a_worker_that_claimed_and_never_wrote_is_silent_too(paths, watch):
    claim(paths, LEASE)
    assert watch(32) == {"one": "no sign of life for 30 s"}


def test_a_stop_of_the_driver_itself_blames_no_worker(paths, watch):
    claimed_progress(paths, BEGUN)
    assert watch(5) == {}
    watch.now[0] += 1000.0
    assert watch(30) == {}
    assert watch(2) == {"one": "no sign of life for 30 s"}


def test_a_folder_that_cannot_be_read_for_a_while_blames_no_worker(paths, watch, monkeypatch):
    claimed_progress(paths, BEGUN)
    assert watch(25) == {}
    with monkeypatch.context() as patch:
        patch.setattr(Path, "iterdir", stale)
        assert watch(100) == {}
        assert watch.dog.worker("one") is None
    assert watch.dog.worker("one") == LEASE
    assert watch(30) == {}
    assert watch(2) == {"one": "no sign of life for 30 s"}


def stale(path):
    raise OSError(errno.ESTALE, "Stale file handle", str(path))


def test_a_new_attempt_starts_the_clock_anew_and_an_ended_one_stops_it(paths, watch):
    claimed_progress(paths, BEGUN)
    assert watch(25) == {}
    claimed_progress(paths, BEGUN)
    assert watch(25) == {}
    watch.dog.end("one")
    assert watch(100) == {}
