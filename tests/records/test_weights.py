"""Whose weights belong to a record: those of its attempt, whatever other attempts leave."""

import pytest

from tests.claimed import LEASE
from tests.record_builders import publish_record
from tests.records.conftest import make_epochs, make_record
from ttq_bench.files import digest_path, file_digest, is_intact
from ttq_bench.records.attempts.lease import claim
from ttq_bench.records.weights import weights_path


def leave_weights(attempt, content):
    attempt.weights.parent.mkdir(parents=True, exist_ok=True)
    attempt.weights.write_bytes(content)
    digest_path(attempt.weights).write_text(file_digest(attempt.weights))


def publish(paths, number):
    record = make_record(paths.trial_id, run={"attempts": [{"attempt": 1}, {"attempt": number}]})
    publish_record(paths, record, {"epochs.parquet": make_epochs([9.0])})


def test_they_are_those_of_the_attempt_that_the_record_names(paths):
    attempts = [claim(paths, LEASE) for _ in range(3)]
    publish(paths, 2)
    for attempt in reversed(attempts):  # the oldest writes last
        leave_weights(attempt, b"of attempt %d" % attempt.number)

    assert weights_path(paths).read_bytes() == b"of attempt 2"


@pytest.mark.parametrize("what", ["missing", "damaged"])
def test_without_them_they_are_those_of_the_newest_attempt_that_trained_again(paths, what):
    attempts = [claim(paths, LEASE) for _ in range(4)]
    publish(paths, 1)
    for attempt in attempts:
        leave_weights(attempt, b"of attempt %d" % attempt.number)
    attempts[3].weights.write_bytes(b"cut off while it wrote")
    if what == "missing":
        attempts[0].weights.unlink()
    else:
        attempts[0].weights.write_bytes(b"other bytes")

    assert weights_path(paths).read_bytes() == b"of attempt 3"


def test_without_any_it_is_a_path_that_is_not_intact(paths):
    assert not is_intact(weights_path(paths))
    publish(paths, 7)
    claim(paths, LEASE)
    assert not is_intact(weights_path(paths))


@pytest.mark.parametrize("run", [{}, {"attempts": []}, {"attempts": 3}, {"attempts": [{}]}])
def test_a_record_that_names_no_attempt_leaves_the_newest(paths, run):
    publish_record(
        paths, make_record(paths.trial_id, run=run), {"epochs.parquet": make_epochs([9.0])}
    )
    for _ in range(2):
        attempt = claim(paths, LEASE)
        leave_weights(attempt, b"of attempt %d" % attempt.number)

    assert weights_path(paths).read_bytes() == b"of attempt 2"
