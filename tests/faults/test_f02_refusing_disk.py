"""F2: the disk refuses an operation of the real command: once, or from then on; and really full.

The short form meets every kind of operation on every kind of file of a record, and every second one
on others, with one of the four refusals; the full one meets every position with all of them.
"""

import shutil
from collections import Counter
from itertools import cycle, groupby, product

import pytest

from tests.faults.broken_files import NEVER, Fault, forked
from tests.faults.children import (
    NO_MOUNTS,
    command,
    command_on_full_disk,
    command_on_read_only_disk,
    files_below,
    note_plan,
    temporaries_below,
)
from tests.faults.grid import Grid, run_words
from tests.record_builders import write_trial
from tests.tiers import FULL
from tests.tiny_suite import quick_training, tiny_document

pytestmark = pytest.mark.slow

REFUSALS = ("ENOSPC", "EIO", "EACCES", "short write")
DOCUMENT = tiny_document(methods=("full_precision",), training=quick_training())


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, cache):
    """The grid run to its end, and the file operations of that."""
    folder = tmp_path_factory.mktemp("undisturbed")
    grid = Grid(folder, DOCUMENT)
    ended = forked(
        folder / "notes", Fault(grid.results.root), command, run_words(grid, "--no-report"), cache
    )
    assert (ended.code, ended.err) == (0, "")
    assert len(grid.records()) == 1
    return grid, ended.operations


def chosen(operations):
    """Return positions with a refusal each, and whether it lasts."""
    if FULL:
        found = product(range(1, len(operations) + 1), REFUSALS, (False, True))
        return [one for one in found if _may_be(operations[one[0] - 1], one[1])]
    kinds, turns = {}, cycle(product((False, True), REFUSALS))
    for k, operation in enumerate(operations, start=1):
        kinds.setdefault(_kind(operation), k)
    found, seen = [], Counter()
    for (name, place, _), k in kinds.items():
        seen[name] += 1
        if seen[name] % 2 == 0 and name != "link" and place != "trials":
            continue
        lasting, kind = next(one for one in turns if _may_be(operations[k - 1], one[1]))
        found.append((k, kind, lasting))
    return found


def _may_be(operation, kind):
    return operation.partition(" ")[0] not in NEVER.get(kind, ())


def _kind(operation):
    """Return the operation, and what kind of file it met: of the driver, of the trial, a record."""
    name, _, path = operation.partition(" ")
    place, file = path.split("/")[0], path.rpartition("/")[2]
    if place == "trials":
        file = "in a record" if "." in file else file[:6]
    elif "." not in file:
        file = "a folder"
    elif file.endswith((".pt", ".sha256")):
        file = file[:5]
    return name, place, file


def assert_one_sentence(ended, k):
    """A command that was refused says so in one line, and where it was not, nothing."""
    assert "Traceback" not in ended.out + ended.err, f"{k}: {ended}"
    lines = ended.err.splitlines()
    assert len(lines) == (ended.code != 0), f"{k}: {ended}"
    assert all(line.startswith("ttq-bench: ") for line in lines)
    assert "None:" not in ended.err


@pytest.mark.fault("F2")
@pytest.mark.full
def test_a_run_on_a_disk_that_refuses_tells_it_and_the_next_one_ends_well(
    undisturbed, cache, tmp_path, record_property
):
    whole, operations = undisturbed
    wanted = whole.records()
    codes, kinds = {}, set()
    for k, kind, lasting in chosen(operations):
        grid = Grid(tmp_path / "grid", DOCUMENT)
        fault = Fault(grid.results.root, kind, k, lasting)
        run = (command, run_words(grid, "--no-report"), cache)
        ended = forked(tmp_path / "notes", fault, *run)
        assert ended.fired, f"{k}: {operations[k - 1]}"
        assert_one_sentence(ended, fault)
        assert ended.code in (0, 2, 3, 74), ended
        if ended.code == 0:
            assert grid.records() == wanted, fault
        codes[ended.code] = codes.get(ended.code, 0) + 1
        kinds.add(_kind(operations[k - 1]))
        again = forked(tmp_path / "notes", Fault(grid.results.root), *run)
        assert (again.code, again.err) == (0, ""), f"{fault}: {again}"
        assert grid.records() == wanted, fault
        assert temporaries_below(grid.results.root) == [], fault
        assert not (grid.results.root / "failures").exists() or not files_below(
            grid.results.root / "failures"
        )
        shutil.rmtree(grid.folder)
    assert codes.keys() >= {0, 3, 74}
    told = ", ".join(f"{count} exit {code}" for code, count in sorted(codes.items()))
    record_property(
        "measured",
        f"run: {sum(codes.values())} refusals of {len(kinds)} kinds of operation and file"
        f" ({', '.join(REFUSALS)}; once or lasting): {told}; exit 0 only with the whole record,"
        " else one sentence; all next runs exit 0 with the same record",
    )


@pytest.mark.fault("F2")
def test_a_report_on_a_disk_that_refuses_tells_it_and_the_next_one_ends_well(
    cache, tmp_path, times, record_property
):
    base = tmp_path / "base"
    write_trial(base, "fp-0", seed=0, errors=(40.0, 20.0))
    note_plan(base, "Tiny")
    whole = tmp_path / "whole"
    shutil.copytree(base, whole)
    words = ["report", "--results"]
    notes = tmp_path / "notes"
    ended = forked(notes, Fault(whole), command, [*words, str(whole)], cache)
    operations, wanted = ended.operations, files_below(whole)
    refused = 0
    lasting = cycle([False, True])
    for number, k in enumerate(range(1, len(operations) + 1, times(24, full=1))):
        for kind in REFUSALS if FULL else REFUSALS[number % 4 : number % 4 + 1]:
            if not _may_be(operations[k - 1], kind):
                continue
            copy = tmp_path / "copy"
            shutil.copytree(base, copy)
            fault = Fault(copy, kind, k, next(lasting))
            run = (command, [*words, str(copy)], cache)
            ended = forked(notes, fault, *run)
            assert ended.fired
            assert_one_sentence(ended, fault)
            assert ended.code in ((2,) if not operations[k - 1].startswith("mkdir") else (0, 2))
            if ended.code == 0:  # a folder that was there
                assert files_below(copy) == wanted
            refused += ended.code != 0
            again = forked(notes, Fault(copy), *run)
            assert (again.code, again.err) == (0, "")
            assert files_below(copy) == wanted
            assert temporaries_below(copy) == []
            shutil.rmtree(copy)
    record_property(
        "measured",
        f"report: {refused} refusals: one sentence and exit 2 each, the next report the same to"
        " the byte",
    )


@pytest.mark.fault("F2")
def test_a_disk_that_is_really_full_is_told_and_room_is_all_that_a_run_needs(
    undisturbed, cache, tmp_path, times, record_property
):
    whole, _ = undisturbed
    told = []
    for free in times((0, 16 << 10, 2 << 20, 6 << 20), full=range(0, 9 << 20, 1 << 18)):
        grid = Grid(tmp_path / str(free), DOCUMENT)
        results = grid.results.root
        results.mkdir()
        run = (command_on_full_disk, run_words(grid, "--no-report"), cache, results, free)
        ended = forked(tmp_path / "notes", Fault(tmp_path / "nothing"), *run)
        if ended.code == NO_MOUNTS:
            pytest.skip("this process may not mount: the really full disk was not met")
        first, _, then = ended.err.partition("first: ")
        code = int(then.splitlines()[0])
        assert "Traceback" not in ended.out + ended.err
        assert first.count("\n") == (code != 0), ended
        assert code in (0, 3, 74), ended
        assert code == 0 or "No space left on device" in first + ended.out, ended
        assert (ended.code, then) == (0, f"{code}\n"), ended
        kept = Grid(tmp_path / f"{free}-kept", DOCUMENT)
        (tmp_path / str(free) / "results-kept").rename(kept.results.root)
        assert kept.records() == whole.records()
        assert temporaries_below(kept.results.root) == []
        told.append((code, free >> 10))
    assert told[0][0] != 0
    spans = [(code, [room for _, room in same]) for code, same in groupby(told, lambda one: one[0])]
    words = [f"{rooms[0]} to {rooms[-1]} KiB left: exit {code}" for code, rooms in spans]
    record_property("measured", f"full file system, {', '.join(words)}; with room again: exit 0")


@pytest.mark.fault("F2")
def test_a_read_only_folder_is_told_and_a_writable_one_is_all_that_a_run_needs(
    undisturbed, cache, tmp_path, record_property
):
    whole, _ = undisturbed
    grid = Grid(tmp_path / "grid", DOCUMENT)
    results = grid.results.root
    results.mkdir()
    run = (command_on_read_only_disk, run_words(grid, "--no-report"), cache, results)
    ended = forked(tmp_path / "notes", Fault(tmp_path / "nothing"), *run)
    if ended.code == NO_MOUNTS:
        pytest.skip("this process may not mount: the read-only folder was not met")
    assert ended.err == (
        f"ttq-bench: {results}: results cannot be written there (Read-only file system);"
        " name another folder with --results\nfirst: 2\n"
    )
    assert ended.code == 0
    assert grid.records() == whole.records()
    record_property("measured", "read-only bind mount: one sentence, exit 2; writable: exit 0")
