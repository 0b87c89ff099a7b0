"""Keeps the old record and files of a trial that is trained again, in ``replaced/ID/1``, ``2``, ...

Each of these folders is laid out as results are, so that any command reads it by ``--results``. No
reader of the results that it came from looks there.
"""

import itertools
import os
import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from ttq_bench.errors import ResultsError
from ttq_bench.provenance import arithmetic
from ttq_bench.records.attempts.holder import this_host
from ttq_bench.records.attempts.lease import End, Lease, claim, newest_number, note_end
from ttq_bench.records.networks import read_network
from ttq_bench.records.paths import TrialPaths
from ttq_bench.records.remote.store import Folder

LEASES = (".lease.json", ".end.json")


def is_there(paths: TrialPaths) -> bool:
    """Return whether a trial has a record or a failure."""
    return paths.record.exists() or paths.failure.exists()


def set_aside(paths: TrialPaths) -> Path:
    """Move record, failure, probe, network and work of a trial to a new folder, and return it.

    Call it under the lock of the results. The record moves last: if this is interrupted, the trial
    still counts as done, and the next call goes on with the same folder. Leases are copied, so that
    the numbers of attempts go on. The next number is claimed here: an old attempt that still runs
    elsewhere writes nothing more.
    """
    root = paths.results.root
    _check_one_disk(root, list(_parts(paths)))
    _end_attempts(paths)
    parts = list(_parts(paths))
    target = _target(paths, parts)
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


def _end_attempts(paths: TrialPaths) -> None:
    """Supersede every attempt at a trial that has any, by one that has ended."""
    if number := newest_number(paths):
        note_end(paths.attempt(number), End("replaced", "the trial is trained again"))
        now = datetime.now(UTC).isoformat(timespec="seconds")
        lease = Lease(this_host(), os.getpid(), "", arithmetic(), now)
        note_end(claim(paths, lease), End("replaced", "trained nothing: it ended the older ones"))


def set_other_network_aside(folder: Folder, paths: TrialPaths, weights_sha256: str) -> Path | None:
    """Move a published network of other weights than these to a new folder, and return its place.

    Somebody deleted the record that it belonged to: beside the record that comes now it would pass
    for that one's. None, and nothing is moved, where there is a record, no network, or a damaged
    one, which ``ttq-bench networks`` replaces.
    """
    try:
        if paths.record.exists() or read_network(paths.network).weights_sha256 == weights_sha256:
            return None
    except (FileNotFoundError, ResultsError):
        return None
    content = paths.network.read_bytes()
    below = paths.network.relative_to(paths.results.root)
    places = (paths.replaced / str(n) / below for n in itertools.count(_newest_kept(paths) + 1))
    place = next(place for place in places if folder.create(place, content))
    paths.network.unlink()
    folder.post(paths.network)
    return place


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
    folder, root, newest = paths.replaced, paths.results.root, _newest_kept(paths)
    last = (paths.folder, paths.failure.parent)
    moved = [path for path in parts if not path.name.endswith(LEASES)]
    taken = (folder / str(newest) / path.relative_to(root) for path in (*last, *moved))
    is_open = newest and not any(map(os.path.lexists, taken))
    return folder / str(newest if is_open else newest + 1)


def _newest_kept(paths: TrialPaths) -> int:
    """Return the number of the newest folder of what was replaced, 0 without any."""
    names = (path.name for path in paths.replaced.glob("*"))
    return max((int(name) for name in names if name.isdecimal()), default=0)
