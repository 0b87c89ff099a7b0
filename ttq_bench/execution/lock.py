"""The lock on a results folder: one driver at a time, and whether the last one is still there."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from ttq_bench.errors import BusyError, ResultsError, TtqBenchError, unwritable
from ttq_bench.records.attempts.holder import has_ended_here, this_process, without_system
from ttq_bench.records.paths import ResultsPaths

NAME_SECONDS, NAME_LOOKS = 1.0, 20


class Lock:
    """A folder's lock, held by this process; ``ahead`` is how long from now it was last taken.

    That is in seconds by this machine's clock.
    """

    def __init__(self, results: ResultsPaths) -> None:
        self.results = results
        self.stream = _taken(results)
        self.ahead = os.fstat(self.stream.fileno()).st_mtime - time.time()
        self._sign()

    def keep(self) -> bool:
        """Return whether the folder is still held.

        The lock is on a file: where somebody deleted that, it is made anew, unless another driver
        did so before.
        """
        if _lies_there(self.results, self.stream):
            return True
        try:
            stream = _taken(self.results)
        except BusyError:
            return False
        except (OSError, TtqBenchError):
            return True  # nobody else can take it either
        self.stream.close()
        self.stream = stream
        self._sign()
        return True

    def _sign(self) -> None:
        self.stream.truncate(0)
        self.stream.write(this_process())
        self.stream.flush()


@contextmanager
def locked(results: ResultsPaths) -> Iterator[Lock]:
    """Hold the folder's lock; the system drops it when this process dies, however it dies."""
    lock = Lock(results)
    try:
        yield lock
    finally:
        lock.stream.close()


def _taken(results: ResultsPaths) -> TextIO:
    """Return the file of the lock, held; ``BusyError`` where another driver has it."""
    while True:
        try:
            results.lock.parent.mkdir(parents=True, exist_ok=True)
            stream = results.lock.open("a+", encoding="utf-8", errors="replace")
        except OSError as error:
            raise unwritable(results.root, error) from error
        try:
            _take(results, stream)
            if _lies_there(results, stream):
                return stream
        except BaseException:
            stream.close()
            raise
        stream.close()  # deleted in this moment: the next driver would not find it


def _take(results: ResultsPaths, stream: TextIO) -> None:
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


def _lies_there(results: ResultsPaths, stream: TextIO) -> bool:
    """Return whether the file of the lock is the one that everybody else finds."""
    try:
        return os.path.samestat(results.lock.stat(), os.fstat(stream.fileno()))
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True  # out of reach for a moment


def _holder(stream: TextIO) -> str:
    """Return who holds the lock, after a second at most: the name is written after it is taken."""
    for _ in range(NAME_LOOKS):
        stream.seek(0)
        if name := stream.read().strip():
            return without_system(name)
        time.sleep(NAME_SECONDS / NAME_LOOKS)
    return "another run"


def driver_is_gone(results: ResultsPaths) -> bool:
    """Return whether the last driver ran on this machine and is no more.

    Read off the name in the file: taking the lock, if only to try, could turn a new driver away.
    """
    try:
        return has_ended_here(results.lock.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
