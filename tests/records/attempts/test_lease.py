"""Attempts: who claims, who is superseded, what a damaged lease does."""

import hashlib
import json
import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.claimed import LEASE
from ttq_bench.files import publish_once
from ttq_bench.records.attempts.lease import (
    End,
    attempt_numbers,
    claim,
    earlier_ends,
    newest_number,
    note_end,
    read_lease,
    why_over,
)


def test_attempts_are_numbered_from_one_and_the_newest_supersedes_the_others(paths):
    assert newest_number(paths) == 0
    first = claim(paths, LEASE)
    assert why_over(first) == ""
    second = claim(paths, LEASE)
    assert [first.number, second.number] == attempt_numbers(paths) == [1, 2]
    assert why_over(first) == "attempt 2 has taken over from attempt 1"
    assert why_over(second) == ""


def test_of_many_that_claim_at_once_each_gets_a_number_of_its_own(paths):
    with ThreadPoolExecutor(8) as pool:
        claimed = list(pool.map(lambda _: claim(paths, LEASE).number, range(40)))
    assert sorted(claimed) == list(range(1, 41))
    assert [n for n in attempt_numbers(paths) if not why_over(paths.attempt(n))] == [40]


def test_a_lease_says_who_holds_it(paths):
    assert read_lease(claim(paths, LEASE)) == LEASE
    assert read_lease(paths.attempt(7)) is None


def test_no_damage_of_a_lease_goes_unnoticed_and_its_attempt_ends(paths):
    attempt = claim(paths, LEASE)
    whole = attempt.lease.read_bytes()
    random_ = random.Random(0)
    flips = [random_.randrange(8 * len(whole)) for _ in range(200)]
    damaged = [whole[:length] for length in range(len(whole))]
    damaged += [
        bytes(byte ^ (1 << bit % 8 if place == bit // 8 else 0) for place, byte in enumerate(whole))
        for bit in flips
    ]
    for content in damaged:
        attempt.lease.write_bytes(content)
        assert read_lease(attempt) is None
        assert "lease is missing or damaged" in why_over(attempt)
    assert claim(paths, LEASE).number == 2
    assert earlier_ends(paths.attempt(2)) == {"1": "its lease is damaged"}


def test_how_earlier_attempts_ended_is_told_and_the_first_note_stands(paths):
    first, second = claim(paths, LEASE), claim(paths, LEASE)
    note_end(first, End("crash", "signal 9"))
    note_end(first, End("error", "too late"))
    third = claim(paths, LEASE)
    assert earlier_ends(third) == {
        "1": "crash: signal 9",
        "2": "unknown: its driver ended, too",
    }
    assert earlier_ends(second) == {"1": "crash: signal 9"}


def test_a_folder_that_cannot_be_made_is_told(paths):
    paths.work.mkdir(parents=True)
    paths.attempts.write_text("in the way")
    assert attempt_numbers(paths) == []
    with pytest.raises(OSError, match="attempts"):
        claim(paths, LEASE)


@pytest.mark.parametrize("fields", [{}, {"x": 1}, {"cause": "crash"}, {"process": "one"}, []])
def test_a_sealed_file_of_another_form_counts_as_damaged(paths, fields):
    attempt = claim(paths, LEASE)
    content = json.dumps(fields)
    sealed = f"{hashlib.sha256(content.encode()).hexdigest()}\n{content}\n"
    attempt.lease.write_text(sealed)
    attempt.end.write_text(sealed)

    assert read_lease(attempt) is None
    assert earlier_ends(claim(paths, LEASE)) == {"1": "its lease is damaged"}
    attempt.lease.unlink()
    assert publish_once(attempt.lease, second_lease(paths))
    assert earlier_ends(paths.attempt(2)) == {"1": "unknown: its driver ended, too"}


def second_lease(paths):
    return paths.attempt(2).lease.read_bytes()
