"""P7: what the driver itself spends on a trial, its plan, scheduler and monitor, at many trials.

A backend stands for Ray whose trials end at once, leaving the record of a grid that is written
already. What Ray adds to a trial is P6.
"""

import io
import time
from pathlib import Path

from rich.console import Console

from ttq_bench.errors import TtqBenchError
from ttq_bench.execution.backends import Task
from ttq_bench.execution.monitor import Monitor
from ttq_bench.execution.resources import Shares
from ttq_bench.execution.scheduler import Scheduler
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.speed.figures import Figure
from ttq_bench.speed.recorded_grid import Grid
from ttq_bench.suite.plan import make_plan
from ttq_bench.trial.outcome import Ended
from ttq_bench.trial.settings import RunSettings

SIDE_BY_SIDE = 2


class EndsAtOnce:
    """Runs a trial by moving what was recorded of it into the results."""

    def __init__(self, recorded: ResultsPaths, results: ResultsPaths) -> None:
        self.recorded, self.results = recorded, results
        self.running: list[str] = []

    def slots(self, shares: Shares) -> int:
        """Return how many trials may run at once."""
        return shares.slots

    def news(self) -> list[str]:
        """Return nothing: there are no nodes."""
        return []

    def submit(self, task: Task) -> None:
        """Let the trial's attempt and record appear."""
        name = task.spec.trial_id
        here, there = self.recorded.trial(name), self.results.trial(name)
        here.work.rename(there.work)
        here.folder.rename(there.folder)
        self.running.append(name)

    def wait(self, seconds: float) -> list[Ended]:
        """Return all that run as ended, without waiting."""
        del seconds
        ended = [Ended(name, "finished", "") for name in self.running]
        self.running.clear()
        return ended

    def close(self) -> None:
        """Do nothing: nothing was started."""


def measure(grid: Grid, folder: Path) -> Figure:
    """Return the driver's milliseconds a trial; the records of ``grid`` are in ``folder`` then."""
    results = ResultsPaths(folder)
    results.trials.mkdir(parents=True)
    results.lock.parent.mkdir()
    started = time.process_time()
    plan = make_plan(grid.specs, results, "cpu")
    backend = EndsAtOnce(ResultsPaths(grid.results), results)
    shares = Shares(SIDE_BY_SIDE, 1, 0.0)
    # As if started long ago: the attempts of the grid are then this run's own, and told as such.
    monitor = Monitor(plan, results, SIDE_BY_SIDE, Console(file=io.StringIO()), started=0.0)
    settings = RunSettings(folder, folder, folder, "cpu")
    with monitor:
        tally = Scheduler(plan, backend, settings, shares, bool, monitor.tell).run()
    spent = time.process_time() - started
    if len(tally.finished) != len(grid.specs):
        raise TtqBenchError(f"speed: P7: {len(tally.failed)} trials of the driver's did not finish")
    quantity = f"the driver's own time a trial, {len(grid.specs):,} trials that end at once"
    return Figure("P7", quantity, 1e3 * spent / len(grid.specs), "ms")
