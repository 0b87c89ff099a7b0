"""Archives that attack their reader: through the command line by their hash, and the reader alone.

No archive of other bytes than the published ones gets past the hash, so each case is shown to the
reader too, which may rely on nothing.
"""

import subprocess
import sys

import numpy as np
import pytest

from tests.hostile.archive_files import IMAGES, PASSED_OVER, REFUSED
from tests.hostile.room import refused, told
from tests.tiers import slow_but
from ttq_bench.data.formats.archives import READERS
from ttq_bench.errors import DataError

MOST_BYTES = 1 << 30
READ = """
import resource, sys
from pathlib import Path
from ttq_bench.data.formats.archives import READERS
from ttq_bench.errors import DataError
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]),) * 2)
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
try:
    READERS["cifar-binary"]((Path(sys.argv[1]),), "test")
except DataError as error:
    sys.exit(f"refused: {error}")
"""


def made(room, case):
    write = {**PASSED_OVER, **{name: write for name, (write, _) in REFUSED.items()}}[case]
    path = room.data / "cifar-10-binary.tar.gz"
    write(path, room.outside / "secret.txt")
    return path


@pytest.mark.parametrize("case", ["a negative size", "an absolute name"])
def test_an_archive_of_other_bytes_is_refused_before_it_is_opened(room, capsys, case):
    made(room, case)
    refused(told(room, capsys, "data", "show", "cifar10", "--data-dir", room.data), 5, "md5 is")


@pytest.mark.parametrize(
    "case", slow_but(["a gzip bomb", "a symbolic link as a member"], sorted(REFUSED))
)
def test_the_reader_refuses_what_attacks_it_in_a_gigabyte_of_memory(room, case):
    path, before = made(room, case), room.guarded()
    done = subprocess.run(
        [sys.executable, "-c", READ, str(path), str(MOST_BYTES)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith(f"refused: {path}: "), done.stderr
    with pytest.raises(DataError, match=REFUSED[case][1]):
        READERS["cifar-binary"]((path,), "test")
    assert room.guarded() == before


@pytest.mark.parametrize("case", sorted(PASSED_OVER))
def test_the_reader_takes_known_members_alone_and_writes_nothing(room, case):
    path, before = made(room, case), room.guarded()
    assert np.array_equal(READERS["cifar-binary"]((path,), "test")[0], IMAGES[10:])
    assert room.guarded() == before
