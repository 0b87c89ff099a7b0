"""Archives that attack their reader: through the command line by their hash, and the reader alone.

No archive of other bytes than the published ones gets past the hash, so each case is shown to the
reader too, which may rely on nothing.
"""

import re

import numpy as np
import pytest

from tests.hostile.archive_files import IMAGES, PASSED_OVER, REFUSED
from tests.hostile.room import read_bounded, refused, told
from ttq_bench.data.formats import archives
from ttq_bench.data.formats.archives import READERS
from ttq_bench.errors import DataError

MOST_BYTES = 1 << 30
LARGE = ("a gzip bomb", "a header that unpacks for ever")  # to write and read them takes seconds


def test_an_archive_of_other_bytes_is_refused_before_it_is_opened(room, capsys):
    write, _ = REFUSED["a negative size"]
    write(room.data / "cifar-10-binary.tar.gz", room.outside / "secret.txt")
    refused(told(room, capsys, "data", "show", "cifar10", "--data-dir", room.data), 5, "md5 is")


@pytest.mark.parametrize(
    "cases",
    [
        [name for name in REFUSED if name not in LARGE],
        pytest.param(LARGE, marks=pytest.mark.slow),
    ],
    ids=["small", "large"],
)
def test_the_reader_refuses_what_attacks_it_in_a_gigabyte_of_memory(room, cases):
    paths = [room.data / f"{number}.tar.gz" for number in range(len(cases))]
    for path, case in zip(paths, cases, strict=True):
        REFUSED[case][0](path, room.outside / "secret.txt")
    lines = read_bounded(room, MOST_BYTES, "cifar-binary", paths)
    for path, case, line in zip(paths, cases, lines, strict=True):
        assert re.match(f"refused: {path}: .*({REFUSED[case][1]})", line), f"{case}: {line}"


def test_an_archive_that_unpacks_to_more_than_any_published_one_is_refused(room, monkeypatch):
    path = room.data / "cifar-10-binary.tar.gz"
    PASSED_OVER["a name of escapes"](path, room.outside / "secret.txt")
    monkeypatch.setattr(archives, "MOST_UNPACKED_BYTES", 1000)
    with pytest.raises(DataError, match="unpacks to more than 1,000 bytes"):
        READERS["cifar-binary"]((path,), "test")


@pytest.mark.parametrize("case", sorted(PASSED_OVER))
def test_the_reader_takes_known_members_alone_and_writes_nothing(room, case):
    path = room.data / "cifar-10-binary.tar.gz"
    PASSED_OVER[case](path, room.outside / "secret.txt")
    before = room.guarded()
    assert np.array_equal(READERS["cifar-binary"]((path,), "test")[0], IMAGES[10:])
    assert room.guarded() == before
