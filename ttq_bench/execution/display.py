"""Live progress: a table on a terminal, plain lines elsewhere; both read the progress files."""

import contextlib
import math
import os
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.table import Table

from ttq_bench.errors import ResultsError
from ttq_bench.records.attempts.progress import Progress, read_progress
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.weights import has_weights
from ttq_bench.repeated import Repeated
from ttq_bench.suite.plan import Plan, PlannedTrial
from ttq_bench.text import duration, printable

REFRESH_SECONDS = 1.0
STALE_SECONDS = 15.0
QUIET_SECONDS = 60.0  # without a terminal: how long no line may come while epochs last


def console_here(*, to_stderr: bool = False, quiet: bool = False) -> Console:
    """Return a console on standard output, or error, that may order a terminal about."""
    stream = sys.stderr if to_stderr else sys.stdout
    return Console(file=getattr(stream, "terminal", stream), quiet=quiet)


def say(console: Console, line: str) -> None:
    """Print a line as it is, whatever path or name is in it."""
    console.print(printable(line), highlight=False, markup=False, soft_wrap=True)


@dataclass
class Monitor:
    """Shows a run while a ``with`` block lasts. ``tell`` prints a line that stays."""

    plan: Plan
    results: ResultsPaths
    workers: float
    console: Console
    started: float = field(default_factory=time.time)
    seen: dict[str, int] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    progress: dict[str, Progress | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.pending = self.plan.pending

    def __enter__(self) -> "Monitor":
        self._thread = Repeated(REFRESH_SECONDS, self._new_lines)
        self._last_line = time.time()
        self._live: Live | None = None
        if self.console.is_terminal:
            self._live = Live(
                get_renderable=self.table,
                console=self.console,
                refresh_per_second=2,
                transient=True,
            )
            self._live.start()
        else:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()
        else:
            self._thread.stop()
            self._new_lines()
            # A record may have appeared after its trial's last line: the count that stays is this.
            if self.seen:
                self.tell(self.headline())

    def tell(self, line: str) -> None:
        """Print a line above the table, or among the lines."""
        say(self.console, line)

    def table(self) -> Table:
        """Return the running trials with their epochs, errors so far, and the time left in all."""
        self._look()
        view = Table(title=self._headline(), title_justify="left", box=None, padding=(0, 2, 0, 0))
        for column in ("trial", "epoch", "validation error", "s/epoch"):
            view.add_column(column, justify="left" if column == "trial" else "right")
        for trial, progress in self._active():
            view.add_row(trial.spec.trial_id, *_cells(progress))
        return view

    def headline(self) -> str:
        """Return trials and epochs done, and the time left."""
        self._look()
        return self._headline()

    def _look(self) -> None:
        """Read the progress of the trials that have begun and are not done: few of a large plan.

        Reading that of all 1,000 trials of a plan for every line took 41 ms of each trial. What
        cannot be read for a moment stays as it was seen last.
        """
        there = _names(self.results.root / "work") | _names(self.results.trials)
        for trial in self.pending:
            name = trial.spec.trial_id
            if name in there and name not in self.done:
                with contextlib.suppress(OSError, ResultsError):
                    self.progress[name] = read_progress(self.results.trial(name))
                    if self._is_done(trial):
                        self.done.add(name)

    def _headline(self) -> str:
        total = sum(trial.epochs_left for trial in self.pending)
        left = sum(self._epochs_left(trial) for trial in self.pending)
        whole = math.floor(total - left + 1e-6)
        return (
            f"{len(self.done)}/{len(self.pending)} trials, {whole}/{total} epochs,"
            f" {duration(time.time() - self.started)} so far,"
            f" about {duration(self._remaining())} left"
        )

    def _remaining(self) -> float:
        shares = (
            trial.core_seconds * self._epochs_left(trial) / max(trial.epochs_left, 1)
            for trial in self.pending
        )
        left = sum(shares)
        total = sum(trial.core_seconds for trial in self.pending)
        passed = time.time() - self.started
        if total - left > 0.02 * total:  # by now this run itself is the better measure
            return passed * left / (total - left)
        return left / self.workers

    def _active(self) -> Iterable[tuple[PlannedTrial, Progress]]:
        for trial in self.pending:
            name = trial.spec.trial_id
            progress = self.progress.get(name)
            if progress is None or progress.ended or name in self.done:
                continue
            if abs(time.time() - progress.updated) < STALE_SECONDS:
                yield trial, progress

    def _is_done(self, trial: PlannedTrial) -> bool:
        paths = self.results.trial(trial.spec.trial_id)
        if trial.state == "again":
            return has_weights(paths)
        return paths.record.exists()

    def _epochs_left(self, trial: PlannedTrial) -> float:
        if trial.spec.trial_id in self.done:
            return 0.0
        progress = self.progress.get(trial.spec.trial_id)
        if progress is None:
            return float(trial.epochs_left)
        return progress.epochs - progress.epoch - progress.share_of_epoch

    def _new_lines(self) -> None:
        self._look()
        headline = self._headline()
        for name, progress in self.progress.items():
            if progress is None or progress.updated < self.started:
                continue
            if progress.epoch > self.seen.get(name, 0):
                self.seen[name] = progress.epoch
                self._last_line = time.time()
                epoch, error, seconds = _cells(progress)
                self.tell(
                    f"{name}: epoch {epoch}, validation error {error}, {seconds} s/epoch"
                    f" | {headline}"
                )
        if time.time() - self._last_line > QUIET_SECONDS:
            self._last_line = time.time()
            running = (f"{t.spec.trial_id} {_cells(p)[0]}" for t, p in self._active())
            self.tell(f"running: {', '.join(running) or 'nothing yet'} | {headline}")


def _names(folder: Path) -> set[str]:
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries}
    except OSError:
        return set()


def _cells(progress: Progress) -> tuple[str, str, str]:
    error, seconds = progress.validation_error_percent, progress.epoch_seconds
    share = f"{progress.epoch + progress.share_of_epoch:.1f}" if progress.share_of_epoch else ""
    return (
        f"{share or progress.epoch}/{progress.epochs}",
        "-" if error is None else f"{error:.2f} %",
        "-" if seconds is None else f"{seconds:.1f}",
    )
