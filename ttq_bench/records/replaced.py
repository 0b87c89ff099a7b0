"""Keeps the old record and files of a trial that is trained again, in ``replaced/ID/1``, ``2``, ...

Each of these folders is laid out as results are, so that any command reads it by ``--results``. No
reader of the results that it came from looks there.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from ttq_bench.errors import ResultsError
from ttq_bench.records.attempts.lease import End, newest_number, note_end
from ttq_bench.records.paths import TrialPaths

LEASES = (".lease.json", ".end.json")


def is_there(paths: TrialPaths) -> bool:
    """Return whether a trial has a record or a failure."""
    return paths.record.exists() or paths.failure.exists()


def set_aside(paths: TrialPaths) -> Path:
    """Move record, failure, probe, network and work of a trial to a new folder, and return it.

    Call it under the lock of the results. The record moves last: if this is interrupted, the trial
    still counts as done, and the next call goes on with the same folder. Leases are copied, so that
    the numbers of attempts go on: an old attempt that still runs elsewhere writes nothing more.
    """
    if number := newest_number(paths):
        note_end(paths.attempt(number), End("replaced", "the trial is trained again"))
    root, parts = paths.results.root, list(_parts(paths))
    target = _target(paths, parts)
    _check_one_disk(root, parts)
    moved: list[tuple[Path, Path]] = []
    try:
        for path in parts:
            place = target / path.relative_to(root)
            place.parent.mkdir(parents=True, exist_ok=True)
            if path.name.endswith(LEASES):
                shutil.copy2(path, place)
            else:
                path.rename(place)
                moved.append((path, place))
    except OSError:
        for path, place in reversed(moved):
            place.rename(path)
        raise
    return target


def _check_one_disk(root: Path, parts: Sequence[Path]) -> None:
    """Raise ``ResultsError`` before anything is moved where something would not go in one step."""
    here = root.stat().st_dev
    for path in parts:
        if path.lstat().st_dev != here or path.parent.stat().st_dev != here:
            raise ResultsError(
                f"{path}: lies on another disk than {root}, so it cannot be kept aside in one step;"
                " bring the results to one disk, or name another folder with --results"
            )


def _parts(paths: TrialPaths) -> Iterator[Path]:
    """Yield the files and folders of a trial that are there, its record last."""
    for folder in (paths.attempts, paths.work):
        if folder.is_dir():
            yield from sorted(path for path in folder.iterdir() if path != paths.attempts)
    for path in (paths.probe, paths.network, paths.failure.parent, paths.folder):
        if os.path.lexists(path):
            yield path


def _target(paths: TrialPaths, parts: Sequence[Path]) -> Path:
    """Return the folder of a call that was interrupted, or a new one: nothing is overwritten."""
    folder, root = paths.replaced, paths.results.root
    numbers = [int(path.name) for path in folder.glob("*") if path.name.isdecimal()]
    newest = max(numbers, default=0)
    last = (paths.folder, paths.failure.parent)
    moved = [path for path in parts if not path.name.endswith(LEASES)]
    taken = (folder / str(newest) / path.relative_to(root) for path in (*last, *moved))
    is_open = newest and not any(map(os.path.lexists, taken))
    return folder / str(newest if is_open else newest + 1)
