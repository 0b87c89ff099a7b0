"""No damage to a published record is read as a number: whatever changes on disk is told."""

import random
import re
import shutil
import subprocess

import pytest

from tests.record_builders import seal_anew, write_trial
from ttq_bench.errors import ResultsError
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.seal import SEAL, read_seal, read_sealed, seal_bytes, sha256
from ttq_bench.records.store import read_record, read_table

LAYERS = {"conv1": (1.2, 1.0), "conv2": (0.9, 1.1)}
BINS = [
    {"epoch": 1, "layer_index": 0, "layer": "conv1", "reach": 1.0, "bins": 4, "bin": b, "count": b}
    for b in range(4)
]
FILES = ("SHA256SUMS", "epochs.parquet", "histograms.parquet", "record.json", "scales.parquet")
TOLD = r"[^;]+; restore it from version control, or delete its folder to run the trial again"


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """One record with all its tables; a test that changes it restores it."""
    root = tmp_path_factory.mktemp("results")
    write_trial(root, "ttq-0", seed=0, errors=(30.0, 20.0), scales=LAYERS, histograms=BINS)
    return ResultsPaths(root).trial("ttq-0")


@pytest.fixture
def copy(paths, tmp_path):
    shutil.copytree(paths.folder, tmp_path / "trials/ttq-0")
    return ResultsPaths(tmp_path).trial("ttq-0")


def read_whole(paths):
    """Read a record and its tables, as a report does."""
    record = read_record(paths.record)
    return record, [read_table(paths, name) for name in record.table_sha256]


def noticed(paths, name, content):
    """Return what a reader is told while one file of the record holds ``content``."""
    path = paths.folder / name
    before = path.read_bytes()
    path.write_bytes(content)
    try:
        read_whole(paths)
    except ResultsError as error:
        return str(error)
    finally:
        path.write_bytes(before)
    return None


def test_a_seal_has_a_line_for_each_file_in_the_order_of_names():
    assert seal_bytes({"b": "22", "a": "11"}) == b"11  a\n22  b\n"


def test_a_published_record_is_sealed_as_sha256sum_would_seal_it(paths):
    files = sorted(path.name for path in paths.folder.iterdir())
    assert files == sorted(FILES)
    command = ["sha256sum", *(name for name in files if name != SEAL)]
    done = subprocess.run(command, cwd=paths.folder, capture_output=True, check=True)
    assert (paths.folder / SEAL).read_bytes() == done.stdout
    subprocess.run(["sha256sum", "--strict", "--quiet", "-c", SEAL], cwd=paths.folder, check=True)
    read_whole(paths)


@pytest.mark.parametrize("name", FILES)
def test_every_truncation_is_noticed(paths, name):
    content = (paths.folder / name).read_bytes()
    kept = {round(step * (len(content) - 1) / 49) for step in range(50)}
    assert {0, len(content) - 1} < kept
    told = [noticed(paths, name, content[:length]) for length in sorted(kept)]
    assert all(re.fullmatch(TOLD, str(message)) for message in told)


def test_every_flipped_bit_is_noticed(paths):
    """Two hundred bits, each as likely as any other of the folder, and fifty in each file."""
    contents = {name: (paths.folder / name).read_bytes() for name in FILES}
    chance = random.Random(0)
    names = chance.choices(FILES, weights=map(len, contents.values()), k=200)
    for name in [*names, *FILES * 50]:
        content = bytearray(contents[name])
        place, bit = chance.randrange(len(content)), chance.randrange(8)
        content[place] ^= 1 << bit
        told = str(noticed(paths, name, content))
        assert re.fullmatch(TOLD, told), f"{name}, byte {place}, bit {bit}: {told}"


def test_a_record_without_its_seal_is_refused_and_so_are_its_tables(copy):
    (copy.folder / SEAL).unlink()
    message = r"SHA256SUMS: cannot be read \(No such file or directory\), so nothing vouches for "
    with pytest.raises(ResultsError, match=message + "record.json; copy it"):
        read_record(copy.record)
    with pytest.raises(ResultsError, match=message + "scales.parquet; copy it"):
        read_table(copy, "scales.parquet")


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_gone_is_named(copy, name):
    (copy.folder / name).unlink()
    with pytest.raises(ResultsError, match=rf"{name}: cannot be read \(No such file"):
        read_whole(copy)


def test_a_table_that_came_with_a_new_seal_is_not_the_one_that_the_record_gives(copy):
    table = copy.folder / "epochs.parquet"
    table.write_bytes(table.read_bytes() + b"x")
    seal_anew(copy.folder)
    assert read_sealed(table, read_seal(table)).endswith(b"x")
    with pytest.raises(
        ResultsError, match=r"SHA256SUMS: is not the list of files that record\.json"
    ):
        read_record(copy.record)


def test_a_seal_of_more_files_than_the_record_gives_is_refused(copy):
    with (copy.folder / SEAL).open("a") as seal:
        seal.write(f"{sha256(b'')}  notes.txt\n")
    with pytest.raises(ResultsError, match="is not the list of files"):
        read_record(copy.record)
