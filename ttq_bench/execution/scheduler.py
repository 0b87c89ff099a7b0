"""Which trial starts when: parents before children, long work first, failures counted."""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from ttq_bench.errors import TtqBenchError
from ttq_bench.execution.backends import Backend
from ttq_bench.execution.resources import Shares
from ttq_bench.records.remote.store import Folder
from ttq_bench.records.store import write_failure
from ttq_bench.suite.plan import Plan, PlannedTrial
from ttq_bench.trial.outcome import MOST_ATTEMPTS, Cause, Ended, in_words
from ttq_bench.trial.settings import RunSettings

POLL_SECONDS = 0.5
FAREWELL_SECONDS = 5.0
PAUSE_SECONDS = 2.0  # before a trial that met an error of the system is tried again; then twice it
WORDS: Mapping[Cause, str] = MappingProxyType(
    {
        "node": "its node was lost",
        "crash": "its worker died",
        "silence": "its worker was replaced",
        "memory": "oom: memory ran out",
        "system": "the system refused",
        "error": "failed",
    }
)


@dataclass
class Tally:
    """How the run stands: trials by id, with the message of those that did not make it.

    ``not_run`` are those of ``failed`` whose parent diverged.
    """

    running: set[str] = field(default_factory=set)
    finished: set[str] = field(default_factory=set)
    diverged: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    not_run: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)


@dataclass
class Scheduler:
    """Runs the pending trials of a plan on a backend until all ended or ``should_stop``."""

    plan: Plan
    backend: Backend
    settings: RunSettings
    shares: Shares
    should_stop: Callable[[], bool]
    tell: Callable[[str], None]
    folder: Folder
    tally: Tally = field(default_factory=Tally)
    failures: Counter[tuple[str, Cause]] = field(default_factory=Counter)
    alone: set[str] = field(default_factory=set)
    not_before: dict[str, float] = field(default_factory=dict)

    def run(self) -> Tally:
        """Return the tally at the end; trials that were not finished are in ``left``."""
        parents = {trial.spec.parent for trial in self.plan.pending}
        waiting = sorted(
            self.plan.pending, key=lambda t: (t.spec.trial_id not in parents, -t.core_seconds)
        )
        self.tally.finished = {t.spec.trial_id for t in self.plan.trials if t.state == "done"}
        self.tally.diverged = {t.spec.trial_id for t in self.plan.trials if t.state == "diverged"}
        while (waiting or self.tally.running) and not self.should_stop():
            waiting = self._give_up_orphans(waiting)
            waiting = self._start_ready(waiting)
            for line in self.backend.news():
                self.tell(line)
            for ended in self.backend.wait(POLL_SECONDS):
                waiting += self._handle(ended)
        self._farewell()
        self.tally.left |= {trial.spec.trial_id for trial in waiting}
        return self.tally

    def _give_up_orphans(self, waiting: list[PlannedTrial]) -> list[PlannedTrial]:
        if not (self.tally.failed or self.tally.diverged or self.tally.left):
            return waiting
        kept = []
        for trial in waiting:
            parent = trial.spec.parent
            if parent in self.tally.failed or parent in self.tally.diverged:
                how = "failed" if parent in self.tally.failed else "diverged"
                reason = f"its parent {parent} {how}"
                self.tally.failed[trial.spec.trial_id] = reason
                if parent in self.tally.diverged or parent in self.tally.not_run:
                    self.tally.not_run.add(trial.spec.trial_id)
                self.tell(f"{trial.spec.trial_id}: not run: {reason}")
            elif parent in self.tally.left:  # stopped from outside: nothing will end it in this run
                self.tally.left.add(trial.spec.trial_id)
            else:
                kept.append(trial)
        return kept

    def _start_ready(self, waiting: list[PlannedTrial]) -> list[PlannedTrial]:
        rest: list[PlannedTrial] = []
        slots = self.backend.slots(self.shares)
        for place, trial in enumerate(waiting):
            if len(self.tally.running) >= slots:
                return rest + waiting[place:]
            if self._may_start(trial, waiting):
                rest += self._start(trial)
            else:
                rest.append(trial)
        return rest

    def _may_start(self, trial: PlannedTrial, waiting: list[PlannedTrial]) -> bool:
        """Whether its parent is done, its pause over; one that ran out of memory runs alone."""
        name, running = trial.spec.trial_id, self.tally.running
        paused = time.monotonic() < self.not_before.get(name, 0.0)
        if paused or self.alone & running or not self._has_parent(trial):
            return False
        if name not in self.alone:
            return True
        others = (other for other in waiting if other.spec.trial_id not in self.alone)
        return not running and not any(map(self._has_parent, others))

    def _has_parent(self, trial: PlannedTrial) -> bool:
        return trial.spec.parent is None or trial.spec.parent in self.tally.finished

    def _start(self, trial: PlannedTrial) -> list[PlannedTrial]:
        """Submit a trial; return it again where the system refused and it is to be tried again."""
        self.tally.running.add(trial.spec.trial_id)
        shares = self.shares
        settings = replace(
            self.settings, threads=shares.threads, gpu_share=shares.gpus, ranks=shares.ranks
        )
        try:
            self.backend.submit(trial.spec, settings)
        except OSError as error:
            name, reason = trial.spec.trial_id, in_words(error)
            return self._handle(Ended(name, "failed", reason, "system", by_driver=True))
        return []

    def _handle(self, ended: Ended) -> list[PlannedTrial]:
        """Book how an attempt ended; return the trial again if it is to be tried once more."""
        name = ended.trial_id
        self.tally.running.discard(name)
        if ended.outcome == "finished":
            self.tally.finished.add(name)
        elif ended.outcome == "diverged":
            self.tally.diverged.add(name)
            self.tell(f"{name}: diverged (a result, recorded as such)")
        elif ended.outcome == "stopped":
            self.tally.left.add(name)
        else:
            return self._failed(ended)
        return []

    def _failed(self, ended: Ended) -> list[PlannedTrial]:
        """Try the trial again if its class of failure may be tried again, else give it up."""
        name, cause = ended.trial_id, ended.cause or "error"
        self.failures[name, cause] += 1
        count, most = self.failures[name, cause], MOST_ATTEMPTS[cause]
        trial = next(trial for trial in self.plan.trials if trial.spec.trial_id == name)
        if count < most:
            how = "goes on at its last checkpoint"
            if cause == "memory":
                self.alone.add(name)
                how = "is tried once more, alone"
            if cause == "system":
                self.not_before[name] = time.monotonic() + PAUSE_SECONDS * 2 ** (count - 1)
            self.tell(f"{name}: {WORDS[cause]} ({ended.message}); {how}")
            return [trial]
        reason = ended.message
        if cause != "error":
            reason = f"{WORDS[cause]} {count} times; at last: {ended.message}"
        if cause != "error" or ended.by_driver:
            with contextlib.suppress(OSError, TtqBenchError):  # the line below says so all the same
                paths = self.folder.results.trial(name)
                write_failure(paths, reason, "", trial.spec.resolved())
                self.folder.post(paths.failure)
        self.tally.failed[name] = reason
        self.tell(f"{name}: failed: {reason}")
        return []

    def _farewell(self) -> None:
        """Give the workers time to see the stop file, so that none is cut off while writing.

        A trial that would be tried again is left to the next run.
        """
        until = time.monotonic() + FAREWELL_SECONDS
        while self.tally.running and time.monotonic() < until:
            for ended in self.backend.wait(POLL_SECONDS):
                self.tally.left |= {trial.spec.trial_id for trial in self._handle(ended)}
        self.tally.left |= self.tally.running
