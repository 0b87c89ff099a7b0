"""Which running trials give no sign of life, by this process's clock and their beats alone.

Three deadlines. A worker that is stopped, cut off from its disk or whose interpreter hangs renews
nothing: it is replaced after ``silence_seconds``. One whose thread beats while its training makes
no step is replaced after half an hour: decoding large images for the first time may take minutes.
One that claims no attempt gets a minute more than ``silence_seconds``, for it imports torch before;
while it says that it brings images to its node, ten minutes more.
"""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ttq_bench.execution.ray.workers import FETCH_SECONDS, Sign, read_sign
from ttq_bench.records.attempts.lease import Lease, newest_number, read_lease
from ttq_bench.records.attempts.progress import progress_of
from ttq_bench.records.paths import ResultsPaths

STALL_SECONDS = 1800.0
START_SECONDS = 60.0  # beyond the silence: from a worker's start to its claim
ABSENCE_SECONDS = 10.0  # since the last look: then this process was stopped, not the workers
LOOK_SECONDS = 1.0


@dataclass
class _Watched:
    """A submitted trial: its task, the newest attempt before it, when each sign last changed."""

    task: str
    before: int
    signs: dict[str, Any] = field(default_factory=dict)
    since: dict[str, float] = field(default_factory=dict)

    def note(self, kind: str, sign: Any, now: float, *, was_away: bool) -> None:
        """Start the clock of a sign anew if it changed, or if nobody looked."""
        if was_away or self.signs.get(kind) != sign:
            self.signs[kind], self.since[kind] = sign, now


@dataclass
class Watchdog:
    """Watches the trials between ``begin`` and ``end``.

    ``may_wait``: a task may have to wait for a free node, so that only the sign of its worker
    (``workers.py``) starts the clock. On a cluster of our own every task has its cores at once.
    """

    results: ResultsPaths
    silence_seconds: float
    may_wait: bool = False
    clock: Callable[[], float] = time.monotonic
    watched: dict[str, _Watched] = field(default_factory=dict)
    last_look: float = 0.0

    def begin(self, trial_id: str) -> str:
        """Watch a trial from now on; return the name of its task, for its worker to sign with."""
        task = uuid.uuid4().hex
        self.watched[trial_id] = _Watched(task, newest_number(self.results.trial(trial_id)))
        return task

    def end(self, trial_id: str) -> None:
        """Stop watching a trial."""
        self.watched.pop(trial_id, None)

    def attempt_number(self, trial_id: str) -> int:
        """Return the number of the running attempt, 0 if none has begun since ``begin``."""
        newest = newest_number(self.results.trial(trial_id))
        return newest if newest > self.watched[trial_id].before else 0

    def sign(self, trial_id: str) -> Sign | None:
        """Return the sign of the worker that took up the trial since ``begin``, None without."""
        return read_sign(self.results.trial(trial_id), self.watched[trial_id].task)

    def worker(self, trial_id: str) -> Lease | Sign | None:
        """Return who works on a trial and where, None if nobody has begun since ``begin``.

        None, too, where the folder cannot be read now.
        """
        try:
            number = self.attempt_number(trial_id)
        except OSError:
            return None
        if number:
            return read_lease(self.results.trial(trial_id).attempt(number))
        return self.sign(trial_id)

    def silent(self) -> dict[str, str]:
        """Return the trials to replace, each with the reason; looks once a second at most."""
        now = self.clock()
        if now - self.last_look < LOOK_SECONDS:
            return {}
        was_away = now - self.last_look > ABSENCE_SECONDS
        self.last_look = now
        reasons = {name: self._reason_seen(name, now, was_away) for name in self.watched}
        return {name: reason for name, reason in reasons.items() if reason}

    def _reason_seen(self, trial_id: str, now: float, was_away: bool) -> str:
        """Return the reason; where the folder cannot be read, none, and the clocks start anew.

        The worker cannot give a sign either while its folder is out of reach.
        """
        try:
            return self._reason(trial_id, now, was_away)
        except OSError:
            self.watched[trial_id].signs.clear()
            return ""

    def _reason(self, trial_id: str, now: float, was_away: bool) -> str:
        number = self.attempt_number(trial_id)
        watched = self.watched[trial_id]
        if not number:
            return self._reason_without_attempt(trial_id, now, was_away)
        progress = progress_of(self.results.trial(trial_id).attempt(number))
        beat = progress.beat if progress else 0
        step = (progress.epoch, progress.share_of_epoch) if progress else None
        for kind, sign in (("beat", (number, beat)), ("step", (number, step))):
            watched.note(kind, sign, now, was_away=was_away)
        if now - watched.since["beat"] > self.silence_seconds:
            return f"no sign of life for {self.silence_seconds:.0f} s"
        if now - watched.since["step"] > STALL_SECONDS:
            return f"no training step for {STALL_SECONDS / 60:.0f} min"
        return ""

    def _reason_without_attempt(self, trial_id: str, now: float, was_away: bool) -> str:
        watched = self.watched[trial_id]
        sign = self.sign(trial_id)
        waits = self.may_wait and sign is None
        watched.note("start", (sign,), now, was_away=was_away)
        brings_images = sign is not None and sign.brings_images
        limit = self.silence_seconds + START_SECONDS + FETCH_SECONDS * brings_images
        if not waits and now - watched.since["start"] > limit:
            return f"no attempt begun for {limit:.0f} s"
        return ""
