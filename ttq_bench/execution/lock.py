"""The lock on a results folder: one driver at a time, and whether the last one is still there."""

import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from ttq_bench.errors import BusyError, ResultsError, unwritable
from ttq_bench.records.attempts import this_host
from ttq_bench.records.paths import ResultsPaths

NAME_SECONDS, NAME_LOOKS = 1.0, 20
HOLDER = re.compile(r"process (\d{1,9}) on (.+)")


@contextmanager
def locked(results: ResultsPaths) -> Iterator[float]:
    """Hold the folder's lock; the system drops it when this process dies, however it dies.

    Yields how many seconds from now, by this machine's clock, the lock was last taken.
    """
    try:
        results.lock.parent.mkdir(parents=True, exist_ok=True)
        stream = results.lock.open("a+", encoding="utf-8")
    except OSError as error:
        raise unwritable(results.root, error) from error
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BusyError(
                f"{results.root}: {_holder(stream)} is at work there;"
                " wait for it, stop it, or name another folder with --results"
            ) from error
        except OSError as error:
            raise ResultsError(
                f"{results.root}: this file system has no locks ({error.strerror}), so two runs"
                " could write there at once; name a folder on another one with --results"
            ) from error
        ahead = os.fstat(stream.fileno()).st_mtime - time.time()
        stream.truncate(0)
        stream.write(f"process {os.getpid()} on {this_host()}")
        stream.flush()
        yield ahead


def _holder(stream: TextIO) -> str:
    """Return who holds the lock; he may have it without having written his name yet."""
    for _ in range(NAME_LOOKS):
        stream.seek(0)
        if name := stream.read().strip():
            return name
        time.sleep(NAME_SECONDS / NAME_LOOKS)
    return "another run"


def driver_is_gone(results: ResultsPaths) -> bool:
    """Return whether the last driver ran on this machine and is no more.

    Read off the name in the file: taking the lock, if only to try, could turn a new driver away.
    """
    try:
        named = HOLDER.fullmatch(results.lock.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    if named is None or named[2] != this_host():
        return False
    return not Path(f"/proc/{named[1]}").exists()
