"""Which running trials give no sign of life: told by this process's clock and their beats alone.

Two deadlines. A worker that is stopped, cut off from its disk or whose interpreter hangs renews
nothing: it is replaced after ``silence_seconds``. One whose thread beats while its training makes
no step is replaced after half an hour: decoding large images for the first time may take minutes.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ttq_bench.records.attempts import newest_number
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.progress import progress_of

STALL_SECONDS = 1800.0
ABSENCE_SECONDS = 10.0  # since the last look: then this process was stopped, not the workers
LOOK_SECONDS = 1.0


@dataclass
class _Watched:
    """A submitted trial: the newest attempt before it, and when each sign last changed."""

    before: int
    signs: dict[str, Any] = field(default_factory=dict)
    since: dict[str, float] = field(default_factory=dict)


@dataclass
class Watchdog:
    """Watches the trials between ``begin`` and ``end``."""

    results: ResultsPaths
    silence_seconds: float
    clock: Callable[[], float] = time.monotonic
    watched: dict[str, _Watched] = field(default_factory=dict)
    last_look: float = 0.0

    def begin(self, trial_id: str) -> None:
        """Watch a trial from the moment on at which a new attempt appears."""
        self.watched[trial_id] = _Watched(newest_number(self.results.trial(trial_id)))

    def end(self, trial_id: str) -> None:
        """Watch it no longer."""
        self.watched.pop(trial_id, None)

    def attempt_number(self, trial_id: str) -> int:
        """Return the number of the running attempt, 0 if none has begun since ``begin``."""
        newest = newest_number(self.results.trial(trial_id))
        return newest if newest > self.watched[trial_id].before else 0

    def silent(self) -> dict[str, str]:
        """Return the trials to replace, each with the reason; looks once a second at most."""
        now = self.clock()
        if now - self.last_look < LOOK_SECONDS:
            return {}
        was_away = now - self.last_look > ABSENCE_SECONDS
        self.last_look = now
        found = {name: self._reason(name, now, was_away) for name in self.watched}
        return {name: reason for name, reason in found.items() if reason}

    def _reason(self, trial_id: str, now: float, was_away: bool) -> str:
        number = self.attempt_number(trial_id)
        if not number:
            return ""  # it waits for a free worker
        progress = progress_of(self.results.trial(trial_id).attempt(number))
        beat = progress.beat if progress else 0
        step = (progress.epoch, progress.share_of_epoch) if progress else None
        one = self.watched[trial_id]
        for kind, sign in (("beat", (number, beat)), ("step", (number, step))):
            if was_away or one.signs.get(kind) != sign:
                one.signs[kind], one.since[kind] = sign, now
        if now - one.since["beat"] > self.silence_seconds:
            return f"no sign of life for {self.silence_seconds:.0f} s"
        if now - one.since["step"] > STALL_SECONDS:
            return f"no training step for {STALL_SECONDS / 60:.0f} min"
        return ""
