"""Signs of life against a clock of the test; the beats are written as a worker writes them."""

from dataclasses import replace

import pytest

from tests.claimed import LEASE, claimed_progress
from ttq_bench.execution.watchdog import STALL_SECONDS, Watchdog
from ttq_bench.records.attempts import claim
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.progress import Progress, write_progress

BEGUN = Progress(0, 8, 0.0, None, None, 0.0, beat=1)


@pytest.fixture
def paths(tmp_path):
    return ResultsPaths(tmp_path).trial("one")


@pytest.fixture
def watch(paths):
    """Return how to let seconds pass, and what the watchdog says then."""
    now = [0.0]
    dog = Watchdog(paths.results, silence_seconds=30.0, clock=lambda: now[0])
    dog.begin("one")

    def after(seconds, each=lambda: None):
        said = {}
        for _ in range(int(seconds)):
            now[0] += 1.0
            each()
            said |= dog.silent()
        return said

    after.dog, after.now = dog, now
    return after


def test_a_trial_that_waits_for_a_worker_is_not_silent_and_neither_are_old_attempts(paths, watch):
    assert watch(100) == {}
    claim(paths, LEASE)
    watch.dog.begin("one")
    assert watch(100) == {}


def test_a_worker_that_falls_silent_is_told_after_the_deadline_not_before(paths, watch):
    claimed_progress(paths, BEGUN)
    assert watch(30) == {}
    assert watch(2) == {"one": "no sign of life for 30 s"}


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


def test_a_new_attempt_starts_the_clock_anew_and_an_ended_one_stops_it(paths, watch):
    claimed_progress(paths, BEGUN)
    assert watch(25) == {}
    claimed_progress(paths, BEGUN)
    assert watch(25) == {}
    watch.dog.end("one")
    assert watch(100) == {}
