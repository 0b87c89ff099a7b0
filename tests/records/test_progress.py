import json

import pytest

from ttq_bench.records.progress import Progress, read_progress, write_progress

HALF_WAY = Progress(3, 8, 0.5, 12.5, None, 1_000.0)


def test_progress_is_read_back(paths):
    write_progress(paths, HALF_WAY)
    assert read_progress(paths) == HALF_WAY


def test_a_later_progress_replaces_the_earlier_one(paths):
    write_progress(paths, HALF_WAY)
    write_progress(paths, Progress(4, 8, 0.0, 11.0, 60.0, 1_060.0))
    assert read_progress(paths) == Progress(4, 8, 0.0, 11.0, 60.0, 1_060.0)
    assert [path.name for path in paths.work.iterdir()] == ["progress.json"]


def test_no_progress_file_means_none(paths):
    assert read_progress(paths) is None


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_a_half_written_progress_file_is_ignored(paths, share):
    write_progress(paths, HALF_WAY)
    content = paths.progress.read_bytes()
    paths.progress.write_bytes(content[: int(len(content) * share)])
    assert read_progress(paths) is None


@pytest.mark.parametrize("content", [[], {"epoch": 1}, None, 3])
def test_a_progress_file_of_another_kind_is_ignored(paths, content):
    paths.work.mkdir(parents=True)
    paths.progress.write_text(json.dumps(content))
    assert read_progress(paths) is None
