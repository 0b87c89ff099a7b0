"""The sign of life of an attempt, and the check whether it may still write.

A thread renews the progress file once a second, also while images are decoded or a long step
runs. A process that is stopped or whose interpreter hangs falls silent; the driver then replaces
it. A process that lives need not train: see ``execution/ray/watchdog.py``.
"""

import contextlib
import dataclasses
import threading
import time
from typing import Self

from ttq_bench.errors import TtqBenchError
from ttq_bench.records.attempts.lease import why_over
from ttq_bench.records.attempts.progress import Progress, write_progress
from ttq_bench.records.paths import AttemptPaths
from ttq_bench.records.remote.store import Folder
from ttq_bench.repeated import Repeated
from ttq_bench.trial.outcome import SupersededError

BEAT_SECONDS = 1.0
POST_SECONDS = 10.0  # between two exchanges with the URL of the results, if they have one


class Heartbeat:
    """Writes the progress of an attempt while a ``with`` block lasts."""

    def __init__(
        self, attempt: AttemptPaths, progress: Progress, folder: Folder | None = None
    ) -> None:
        self.attempt = attempt
        self.folder = folder or Folder(attempt.trial.results)
        self.progress = progress
        self.lock = threading.Lock()
        self.posted = 0.0
        self.thread = Repeated(BEAT_SECONDS, self._beat)

    def __enter__(self) -> Self:
        self.write()
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.thread.stop()
        with contextlib.suppress(OSError):  # the folder may be what failed; that error counts
            write_progress(self.attempt, dataclasses.replace(self.progress, ended=True))
        self._post()

    def note(self, progress: Progress) -> None:
        """Keep the progress for the next beat, whose number it gets."""
        with self.lock:
            self.progress = dataclasses.replace(progress, beat=self.progress.beat)

    def write(self, progress: Progress | None = None) -> None:
        """Write the progress now; without one, that which was noted or written last."""
        with self.lock:
            beat = self.progress.beat + 1
            newest = progress or self.progress
            self.progress = dataclasses.replace(newest, beat=beat, updated=time.time())
            write_progress(self.attempt, self.progress)

    def check(self) -> None:
        """Raise ``SupersededError`` if this attempt may not write, as far as this machine knows."""
        if reason := why_over(self.attempt):
            raise SupersededError(reason)

    def fence(self) -> None:
        """Ask the URL of the results, if there is one, and ``check``; call it before each write."""
        self.folder.bring_leases(self.attempt)
        self.check()

    def _post(self) -> None:
        with contextlib.suppress(OSError, TtqBenchError):  # the next checkpoint meets it again
            self.folder.post(self.attempt.progress)
            self.folder.bring_leases(self.attempt)

    def _beat(self) -> None:
        # A disk that is full for a moment is no reason to end; the next checkpoint meets it again.
        with contextlib.suppress(OSError):
            self.write()
        if time.monotonic() - self.posted > POST_SECONDS:
            self._post()
            self.posted = time.monotonic()
