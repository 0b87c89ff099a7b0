"""A results folder that a stranger made is data: it is looked over before anything in it is used.

Results travel (``trials/`` of several machines add up by copying), and reports are written into the
folder they are made from. A link in it could have a command read or write any file of its user.
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
    """Raise ``ResultsError`` for the first thing in ``root`` that is no file or folder of its own.

    Refused are links that lead out of ``root``, pipes, sockets, devices, folders nested deeper than
    any here, and files of a size that no command here writes and that would be read whole. A folder
    that is not there has nothing wrong with it.
    """
    inside = root.resolve()
    for entry in _entries(root):
        path = Path(entry.path)
        try:
            if entry.is_symlink() and not path.resolve().is_relative_to(inside):
                raise ResultsError(
                    f"{path}: is a link that leads out of the results folder; copy the files there"
                )
            status = entry.stat()
        except FileNotFoundError:
            continue  # a link to nothing inside, or a file that a run has just renamed
        except (OSError, RuntimeError) as error:  # a ring of links
            raise ResultsError(f"{path}: cannot be looked at ({error})") from error
        if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
            raise ResultsError(f"{path}: is neither a file nor a folder; delete it")
        if path.suffix in READ_WHOLE and status.st_size > MOST_BYTES and path.is_file():
            raise ResultsError(
                f"{path}: has {status.st_size:,} bytes, more than any file of its kind; delete it"
            )


def _entries(folder: Path, level: int = 0) -> Iterator[os.DirEntry[str]]:
    """Yield everything below ``folder``; what lies behind links is met where it lies."""
    if level > MOST_LEVELS:
        raise ResultsError(f"{folder}: is nested deeper than {MOST_LEVELS} levels; delete it")
    try:
        with os.scandir(folder) as found:
            entries = list(found)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise ResultsError(f"{folder}: cannot be read ({error.strerror})") from error
    for entry in entries:
        yield entry
        if entry.is_dir(follow_symlinks=False):
            yield from _entries(Path(entry.path), level + 1)
