"""Checks a results folder before anything in it is used, because a stranger may have made it.

Results travel: ``trials/`` of several machines are merged by copying. A report is written into the
folder it is made from. With a link in that folder, a command could read or write any file of its
user.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ttq_bench.errors import ResultsError

MOST_BYTES = 64 << 20  # a probe with all kernels of a layer has 0.1 million
READ_WHOLE = (".json", ".parquet", ".md", ".html", ".csv", "")  # the last: SHA256SUMS
MOST_LEVELS = 40


def look_over(root: Path) -> None:
    """Raise ``ResultsError`` for the first thing in ``root`` that no results folder has.

    Refused are links that lead out of ``root``, pipes, sockets, devices, folders nested deeper than
    those of ttq-bench, and larger files than it writes, where commands read them whole. A folder
    that does not exist passes.
    """
    inside = root.resolve()
    for entry in _entries(root):
        try:
            _check(entry, inside)
        except FileNotFoundError:
            continue  # a link to nothing inside, or a file that a run has just renamed
        except (OSError, RuntimeError) as error:  # a ring of links
            raise ResultsError(f"{entry.path}: cannot be looked at ({error})") from error


def _check(entry: os.DirEntry[str], inside: Path) -> None:
    if entry.is_symlink():
        if not Path(entry.path).resolve().is_relative_to(inside):
            raise ResultsError(
                f"{entry.path}: is a link that leads out of the results folder; copy the files"
                " there"
            )
    elif entry.is_dir():
        return
    status = entry.stat()
    is_file = stat.S_ISREG(status.st_mode)
    if not is_file and not stat.S_ISDIR(status.st_mode):
        raise ResultsError(f"{entry.path}: is neither a file nor a folder; move it elsewhere")
    if is_file and status.st_size > MOST_BYTES and Path(entry.path).suffix in READ_WHOLE:
        raise ResultsError(
            f"{entry.path}: has {status.st_size:,} bytes, more than any file of its kind; move it"
            " elsewhere"
        )


def _entries(root: Path) -> Iterator[os.DirEntry[str]]:
    """Yield everything below ``root``, without following links.

    Entries are not made into ``Path`` values, which takes long: 10,000 trials have 100,000 entries.
    """
    folders = [(str(root), 0)]
    while folders:
        folder, level = folders.pop()
        if level > MOST_LEVELS:
            raise ResultsError(
                f"{folder}: is nested deeper than {MOST_LEVELS} levels; move it elsewhere"
            )
        try:
            with os.scandir(folder) as scanned:
                entries = list(scanned)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise ResultsError(f"{folder}: cannot be read ({error.strerror})") from error
        for entry in entries:
            yield entry
            if entry.is_dir(follow_symlinks=False):
                folders.append((entry.path, level + 1))
