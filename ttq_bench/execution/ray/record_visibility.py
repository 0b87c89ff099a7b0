"""Trials that finished on another node and whose records are not visible here yet.

A client of a network file system that did not find a file once may remember that for a minute. Only
after it does a missing record mean that the nodes share no storage.
"""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ttq_bench.records.paths import ResultsPaths
from ttq_bench.trial.outcome import Ended

GRACE_SECONDS = 70.0  # NFS asks again after 60 s at the latest (acdirmax)


@dataclass
class MissingRecords:
    """Keeps such trials until their records are visible or the grace is over, without waiting."""

    clock: Callable[[], float] = time.monotonic
    since: dict[Ended, float] = field(default_factory=dict)

    def add(self, ended: Ended) -> None:
        """Keep a trial from now on."""
        self.since[ended] = self.clock()

    def settled(self, results: ResultsPaths) -> list[Ended]:
        """Return those whose records are here by now, and those whose grace is over, as failed."""
        settled = []
        for ended, since in list(self.since.items()):
            seen = False
            with contextlib.suppress(OSError):  # out of reach for a moment
                seen = results.trial(ended.trial_id).record.exists()
            if seen or self.clock() - since > GRACE_SECONDS:
                del self.since[ended]
                settled.append(ended if seen else _failed(ended.trial_id, results))
        return settled


def _failed(trial_id: str, results: ResultsPaths) -> Ended:
    return Ended(
        trial_id, "failed",
        f"its record is not to be seen in {results.root} here: results must lie on"
        " storage that all nodes share", "error",
    )  # fmt: skip
