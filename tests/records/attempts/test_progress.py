import json
from dataclasses import asdict

import pytest

from tests.claimed import LEASE, claimed_progress
from ttq_bench.records.attempts.lease import claim
from ttq_bench.records.attempts.progress import Progress, read_progress, write_progress

HALF_WAY = Progress(3, 8, 0.5, 12.5, None, 1_000.0)
LATER = Progress(4, 8, 0.0, 11.0, 60.0, 1_060.0, beat=7)


def test_progress_is_read_back(paths):
    claimed_progress(paths, HALF_WAY)
    assert read_progress(paths) == HALF_WAY


def test_a_later_progress_replaces_the_earlier_one(paths):
    attempt = claimed_progress(paths, HALF_WAY)
    write_progress(attempt, LATER)
    assert read_progress(paths) == LATER
    assert [path.name for path in attempt.folder.iterdir()] == ["progress.json"]


def test_the_newest_attempt_that_tells_counts_whatever_an_older_one_still_writes(paths):
    older = claimed_progress(paths, HALF_WAY)
    claimed_progress(paths, LATER)
    claim(paths, LEASE)
    write_progress(older, HALF_WAY)
    assert read_progress(paths) == LATER


def test_no_progress_file_means_none(paths):
    assert read_progress(paths) is None
    claim(paths, LEASE)
    assert read_progress(paths) is None


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_a_half_written_progress_file_is_ignored(paths, share):
    attempt = claimed_progress(paths, HALF_WAY)
    content = attempt.progress.read_bytes()
    attempt.progress.write_bytes(content[: int(len(content) * share)])
    assert read_progress(paths) is None


@pytest.mark.parametrize(
    "content",
    [
        [],
        {"epoch": 1},
        None,
        3,
        {**asdict(HALF_WAY), "updated": "x"},
        {**asdict(HALF_WAY), "epoch": -1},
        {**asdict(HALF_WAY), "saved_share": float("nan")},
    ],
)
def test_a_progress_file_of_another_kind_is_ignored(paths, content):
    claimed_progress(paths, HALF_WAY).progress.write_text(json.dumps(content))
    assert read_progress(paths) is None
