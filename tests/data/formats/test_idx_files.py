import gzip

import numpy as np
import pytest

from tests.data import builders
from ttq_bench.data.formats.idx_files import MOST_BYTES, read_idx
from ttq_bench.errors import DataError


def test_a_file_by_hand(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(bytes((0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6))))
    assert read_idx(path, 2).tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize("shape", [(7,), (5, 3), (4, 2, 3)])
def test_what_was_written_is_read_back(tmp_path, shape):
    array = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    builders.write_idx(tmp_path / "a.gz", array)
    assert np.array_equal(read_idx(tmp_path / "a.gz", len(shape)), array)


@pytest.mark.parametrize("header", [b"", b"\0\0\x08", b"\0\0\x09\x01" + bytes(4), b"x" * 20])
def test_what_is_no_such_file_is_refused(tmp_path, header):
    (tmp_path / "a.gz").write_bytes(gzip.compress(header))
    with pytest.raises(DataError, match=r"a\.gz: is not an idx file of bytes in 1 dimensions"):
        read_idx(tmp_path / "a.gz", 1)


def test_labels_in_the_place_of_images_are_refused(tmp_path):
    builders.write_idx(tmp_path / "a.gz", np.arange(9))
    with pytest.raises(DataError, match="in 3 dimensions"):
        read_idx(tmp_path / "a.gz", 3)


@pytest.mark.parametrize("change", [b"", b"12"])
def test_bytes_that_are_missing_or_too_many_are_refused(tmp_path, change):
    header = bytes((0, 0, 8, 1, 0, 0, 0, 1))
    (tmp_path / "a.gz").write_bytes(gzip.compress(header + change))
    with pytest.raises(DataError, match=rf"has {len(change)} bytes behind a header that says 1"):
        read_idx(tmp_path / "a.gz", 1)


def test_sizes_that_no_memory_holds_are_only_compared(tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(bytes((0, 0, 8, 3)) + b"\xff" * 12))
    with pytest.raises(DataError, match="has 0 bytes behind a header"):
        read_idx(tmp_path / "a.gz", 3)


def test_a_file_that_unpacks_to_more_than_any_published_one_is_refused(tmp_path):
    content = gzip.compress(bytes(MOST_BYTES + 1), compresslevel=1)
    (tmp_path / "a.gz").write_bytes(content)
    with pytest.raises(DataError, match="unpacks to more than 67,108,864 bytes"):
        read_idx(tmp_path / "a.gz", 1)


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_truncated_file_is_named(tmp_path, share):
    path = tmp_path / "a.gz"
    builders.write_idx(path, np.random.default_rng(0).integers(0, 256, 5_000))
    builders.cut(path, share)
    with pytest.raises(DataError, match=r"a\.gz: cannot be read as a gzip file"):
        read_idx(path, 1)
