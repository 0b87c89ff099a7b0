"""One run of a plan: signals, the time limit, the backend, under the lock of its folder."""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import FrameType

from rich.console import Console

from ttq_bench.errors import TtqBenchError, no_ray
from ttq_bench.execution.backends import Backend, InProcessBackend
from ttq_bench.execution.display import Monitor, say
from ttq_bench.execution.lock import Lock, locked
from ttq_bench.execution.ray import security
from ttq_bench.execution.resources import Shares
from ttq_bench.execution.scheduler import FAREWELL_SECONDS, Scheduler, Tally
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.plans import PlannedSuite, write_planned
from ttq_bench.records.remote.lock import held_at_url
from ttq_bench.records.remote.store import Folder
from ttq_bench.records.replaced import set_aside
from ttq_bench.records.store import remove_leftovers
from ttq_bench.repeated import Repeated
from ttq_bench.suite.plan import Plan
from ttq_bench.text import duration
from ttq_bench.trial.settings import ClusterOptions, RunSettings

CLOCK_SECONDS = 60.0  # machines that share a folder differ by less
# For the workers to see the stop, at most FAREWELL_SECONDS of the scheduler, and for Ray to end.
TIME_LIMIT_MARGIN_SECONDS = FAREWELL_SECONDS + 5.0


@dataclass
class Stop:
    """Why a run should end before its time: a signal's number, the time limit, another driver."""

    deadline: float | None = None
    signal_number: int | None = None
    is_replaced: bool = False

    def requested(self) -> bool:
        """Return whether to end now."""
        return self.signal_number is not None or self.out_of_time() or self.is_replaced

    def replace(self) -> None:
        """Note that another driver has taken over."""
        self.is_replaced = True

    def out_of_time(self) -> bool:
        """Return whether the time limit is reached."""
        return self.deadline is not None and time.monotonic() >= self.deadline


def run_plan(
    plan: Plan,
    planned: PlannedSuite,
    *,
    settings: RunSettings,
    shares: Shares,
    make_backend: Callable[[Folder], Backend],
    stop: Stop,
    console: Console,
) -> Tally:
    """Note the plan, run what is pending, return the tally; one driver a folder at a time."""
    folder = settings.folder()
    results = folder.results
    follow = settings.backend == "ray"  # its nodes may be other machines
    tell = partial(say, console)
    held = held_at_url(folder, stop.replace, tell, follow=follow)
    with locked(results) as lock, _signals(stop), held:
        if lock.ahead > CLOCK_SECONDS:
            tell(
                f"{results.root}: was last used {duration(lock.ahead)} from now, so the clock went"
                " back; dates in records will be out of order, nothing else depends on them"
            )
        results.stop_file.unlink(missing_ok=True)
        remove_leftovers(results)
        folder.post(results.stop_file, write_planned(results, planned))
        if not plan.pending:
            return Tally()
        backend = make_backend(folder)
        try:
            _set_aside(plan, results, tell)
        except BaseException:
            backend.close()
            raise
        monitor = Monitor(plan, results, shares.workers, console)
        try:
            with monitor, _watch(stop, lock, folder):
                scheduler = Scheduler(
                    plan, backend, settings, shares, stop.requested, monitor.tell, folder
                )
                try:
                    return scheduler.run()
                finally:
                    backend.close()
        finally:
            if not stop.is_replaced:  # else it is another driver's
                results.stop_file.unlink(missing_ok=True)
                with contextlib.suppress(OSError, TtqBenchError):  # the next run tries it again
                    folder.post(results.stop_file)


def _set_aside(plan: Plan, results: ResultsPaths, tell: Callable[[str], None]) -> None:
    """Move away what is to be replaced: what was made from a network before the network."""
    for name in reversed(plan.rerun):
        tell(f"{name}: what there was of it is kept in {set_aside(results.trial(name))}")


def backend_maker(name: str, options: ClusterOptions, stop: Stop) -> Callable[[Folder], Backend]:
    """Return what starts the backend ``name``, ``ray`` or ``inprocess``, for results."""

    def make(folder: Folder) -> Backend:
        if name == "inprocess":
            return InProcessBackend(stop.requested)
        security.prepare(options.address, options.dashboard)
        try:
            from ttq_bench.execution.ray.backend import RayBackend  # 1 s to import
        except ImportError as error:
            raise no_ray(error, ", or use --backend inprocess") from error
        return RayBackend(options, folder)

    return make


@contextmanager
def _signals(stop: Stop) -> Iterator[None]:
    """Turn the first SIGINT, SIGTERM or SIGHUP into a stop; the second one ends at once.

    Those that are ignored stay ignored.
    """

    def handle(number: int, _: FrameType | None) -> None:
        if stop.signal_number is not None:
            raise KeyboardInterrupt(number)
        stop.signal_number = number

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    # `nohup`, and `&` in a script: what was ignored when this process began stays so.
    heard = [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]
    before = [signal.signal(number, handle) for number in heard]
    try:
        yield
    finally:
        for number, old in zip(heard, before, strict=True):
            signal.signal(number, old)


@contextmanager
def _watch(stop: Stop, lock: Lock, folder: Folder) -> Iterator[None]:
    """Write the stop file as soon as a stop is requested, whatever the main thread waits for.

    It is written again where it is gone: a worker here may have followed the URL just before. It is
    not written where another driver has taken over, whose workers it would stop.
    """
    results = lock.results

    def watch() -> None:
        if not stop.is_replaced and not lock.keep():
            stop.replace()
        if not stop.requested() or stop.is_replaced:
            return
        with contextlib.suppress(OSError):  # out of reach for a moment
            if results.stop_file.exists():
                return
            results.stop_file.touch()
        with contextlib.suppress(OSError, TtqBenchError):  # workers here see the file
            folder.post(results.stop_file)

    with Repeated(0.2, watch):
        yield
