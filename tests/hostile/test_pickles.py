"""Pickles in the right member of the right archive: the last thing a forged hash would meet."""

import subprocess
import sys

from tests.data import builders
from tests.hostile.pickle_files import GOOD, PICKLES, batch_of
from ttq_bench.data.formats.archives import READERS

LOAD = """
import resource, sys
from pathlib import Path
from ttq_bench.data.formats.archives import READERS
from ttq_bench.errors import DataError
resource.setrlimit(resource.RLIMIT_AS, (1 << 30,) * 2)
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
for path in map(Path, sys.argv[1:]):
    try:
        READERS["cifar-pickles"]((path,), "test")
        print(f"{path.name}: read")
    except DataError as error:
        print(f"{path.name}: refused: {error}")
"""


def archive(room, number, content):
    path = room.data / f"{number:02}.tar.gz"
    builders.write_tar(path, {"cifar-10-batches-py/test_batch": content})
    return path


def test_every_pickle_is_refused_in_words_and_none_is_run(room):
    paths = [archive(room, n, make(room.marker)) for n, make in enumerate(PICKLES.values())]
    before = room.guarded()
    done = subprocess.run(
        [sys.executable, "-c", LOAD, *map(str, paths)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert (done.returncode, len(lines)) == (0, len(PICKLES)), done.stderr
    for name, line in zip(PICKLES, lines, strict=True):
        assert ": refused: " in line, f"{name}: {line}"
        assert "test_batch" in line, name
    assert room.guarded() == before
    assert not room.marker.exists()


def test_the_way_the_attacks_are_wrapped_is_read_where_it_holds_labels(room):
    content = batch_of(b"](K\x05K\x06e")
    assert READERS["cifar-pickles"]((archive(room, 0, content),), "test")[1].tolist() == [5, 6]
    assert READERS["cifar-pickles"]((archive(room, 1, GOOD),), "test")[1].tolist() == [1, 2]
