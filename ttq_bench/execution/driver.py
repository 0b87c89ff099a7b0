"""One run of a plan: the lock on its results folder, signals, the time limit, the backend."""

import fcntl
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import TextIO

from rich.console import Console

from ttq_bench.errors import BusyError, ResultsError, unwritable
from ttq_bench.execution import ray_security
from ttq_bench.execution.backends import Backend, InProcessBackend
from ttq_bench.execution.monitor import Monitor
from ttq_bench.execution.resources import Shares
from ttq_bench.execution.scheduler import FAREWELL_SECONDS, Scheduler, Tally
from ttq_bench.execution.settings import ClusterOptions, RunSettings
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.plans import PlannedSuite, write_planned
from ttq_bench.records.store import remove_leftovers
from ttq_bench.suite.plan import Plan
from ttq_bench.text import duration

NAME_SECONDS, NAME_LOOKS = 1.0, 20
CLOCK_SECONDS = 60.0  # machines that share a folder differ by less
# For the workers to see the stop, at most FAREWELL_SECONDS of the scheduler, and for Ray to end.
TIME_LIMIT_MARGIN_SECONDS = FAREWELL_SECONDS + 5.0


@dataclass
class Stop:
    """Why a run should end before its time, if it should: a signal's number or the time limit."""

    deadline: float | None = None
    signal_number: int | None = None

    def requested(self) -> bool:
        """Return whether to end now."""
        return self.signal_number is not None or self.out_of_time()

    def out_of_time(self) -> bool:
        """Return whether the time limit is reached."""
        return self.deadline is not None and time.monotonic() >= self.deadline


def run_plan(
    plan: Plan,
    planned: PlannedSuite,
    *,
    settings: RunSettings,
    shares: Shares,
    make_backend: Callable[[], Backend],
    stop: Stop,
    console: Console,
) -> Tally:
    """Note the plan, run what is pending, return the tally; one driver a folder at a time."""
    results = ResultsPaths(settings.results)
    with _locked(results) as ahead, _signals(stop):
        if ahead > CLOCK_SECONDS:
            console.print(
                f"{results.root}: was last used {duration(ahead)} from now, so the clock went back;"
                " dates in records will be out of order, nothing else depends on them",
                highlight=False, soft_wrap=True,
            )  # fmt: skip
        results.stop_file.unlink(missing_ok=True)
        remove_leftovers(results)
        write_planned(results, planned)
        if not plan.pending:
            return Tally()
        backend = make_backend()
        monitor = Monitor(plan, results, shares.workers, console)
        with monitor, _watch(stop, results):
            scheduler = Scheduler(plan, backend, settings, shares, stop.requested, monitor.tell)
            try:
                return scheduler.run()
            finally:
                backend.close()
                results.stop_file.unlink(missing_ok=True)


def backend_maker(
    name: str, options: ClusterOptions, results: ResultsPaths, stop: Stop
) -> Callable[[], Backend]:
    """Return what starts the backend ``name``: ``ray`` or ``inprocess``."""

    def make() -> Backend:
        if name == "inprocess":
            return InProcessBackend(stop.requested)
        ray_security.prepare(options.address, options.dashboard)
        try:
            from ttq_bench.execution.ray_backend import RayBackend  # 1 s to import
        except ImportError as error:
            raise ResultsError(
                f"--backend ray: Ray cannot be imported ({error});"
                " run `make install`, or use --backend inprocess"
            ) from error
        return RayBackend(options, results)

    return make


@contextmanager
def _locked(results: ResultsPaths) -> Iterator[float]:
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
        stream.write(f"process {os.getpid()} on {socket.gethostname()}")
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


@contextmanager
def _signals(stop: Stop) -> Iterator[None]:
    """Turn the first SIGINT, SIGTERM or SIGHUP into a stop; the second one ends at once."""

    def handle(number: int, _: FrameType | None) -> None:
        if stop.signal_number is not None:
            raise KeyboardInterrupt
        stop.signal_number = number

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, handle) for number in numbers]
    try:
        yield
    finally:
        for number, old in zip(numbers, before, strict=True):
            signal.signal(number, old)


@contextmanager
def _watch(stop: Stop, results: ResultsPaths) -> Iterator[None]:
    """Write the stop file as soon as a stop is requested, whatever the main thread waits for."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.2):
            if stop.requested():
                results.stop_file.touch()
                return

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
