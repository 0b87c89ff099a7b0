"""P7: ``plan``, ``status`` and ``report`` over grids of many trials, as commands of their own."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ttq_bench.errors import TtqBenchError
from ttq_bench.speed import driver
from ttq_bench.speed.figures import Bound, Figure
from ttq_bench.speed.processes import peak_resident_bytes
from ttq_bench.speed.recorded_grid import EPOCHS, TRIALS_PER_SEED, write_grid

SEEDS, REPORTED_SEEDS = 1_000, 50  # of ten trials each
LOOK_SECONDS = 0.02
ANSWER_SECONDS, REPORT_SECONDS = Bound("at most", 5.0), Bound("at most", 20.0)
PLAN_MEGABYTES = Bound("at most", 500.0)


@dataclass(frozen=True, slots=True)
class Spent:
    """What a command took: seconds, and the most bytes that it had in memory at once."""

    seconds: float
    bytes: int


def measure(seeds: int = SEEDS, reported_seeds: int = REPORTED_SEEDS) -> list[Figure]:
    """Return what each command takes over results of so many seeds, all trials of them done."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        large = write_grid(folder / "large", seeds=seeds, variants=1)
        where = ("--results", large.results)
        plan = run_command(folder, "plan", large.suite, *where, "--data-dir", folder)
        status = run_command(folder, "status", *where)
        own = driver.measure(large, folder / "driven")
        small = write_grid(folder / "small", seeds=reported_seeds, variants=reported_seeds)
        report = run_command(folder, "report", "--results", small.results)
    many, few = f"{len(large.specs):,} trials", f"{len(small.specs):,} trials of {EPOCHS} epochs"
    return [
        Figure("P7", f"plan, {many}", plan.seconds, "s", bound=ANSWER_SECONDS),
        Figure("P7", f"plan, {many}: most memory", plan.bytes / 1e6, "MB", bound=PLAN_MEGABYTES),
        Figure("P7", f"status, {many}", status.seconds, "s", bound=ANSWER_SECONDS),
        Figure("P7", f"status, {many}: most memory", status.bytes / 1e6, "MB"),
        own,
        Figure("P7", f"report, {few}", report.seconds, "s", bound=REPORT_SECONDS),
        Figure("P7", f"report, {few}: most memory", report.bytes / 1e6, "MB"),
    ]


def measure_sizes(sizes: Sequence[int]) -> list[Figure]:
    """Return what the commands take over grids of so many trials, and what the records store."""
    return [figure for trials in sizes for figure in _measure_size(trials)]


def _measure_size(trials: int) -> list[Figure]:
    seeds = max(1, trials // TRIALS_PER_SEED)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        grid = write_grid(folder / "grid", seeds=seeds, variants=min(seeds, REPORTED_SEEDS))
        stored = stored_bytes(grid.results / "trials")
        where = ("--results", grid.results)
        spent = {
            "plan": run_command(folder, "plan", grid.suite, *where, "--data-dir", folder),
            "status": run_command(folder, "status", *where),
            "report": run_command(folder, "report", *where),
        }
    many = f"{len(grid.specs):,} trials"
    figures = [Figure("P7", f"records of {many} of {EPOCHS} epochs", stored / 1e6, "MB")]
    for command, it in spent.items():
        figures.append(Figure("P7", f"{command}, {many}", it.seconds, "s"))
        figures.append(Figure("P7", f"{command}, {many}: most memory", it.bytes / 1e6, "MB"))
    return figures


def stored_bytes(folder: Path) -> int:
    """Return the bytes of all files; one that is linked to several trials counts for each."""
    return sum(path.stat().st_size for path in folder.glob("*/*"))


def run_command(cache: Path, *words: str | Path) -> Spent:
    """Run a command to its end; ``TtqBenchError`` with what it said if it fails."""
    command = [sys.executable, "-m", "ttq_bench.cli", *map(str, words)]
    environment = os.environ | {"TTQ_BENCH_CACHE": str(cache)}
    most = 0
    started = time.perf_counter()
    with (
        tempfile.TemporaryFile("w+") as said,
        subprocess.Popen(command, stdout=said, stderr=said, env=environment) as process,
    ):
        # Not from rusage: there a child starts with the peak of the process it was forked from.
        while process.poll() is None:
            most = max(most, peak_resident_bytes(process.pid))
            time.sleep(LOOK_SECONDS)
        seconds = time.perf_counter() - started
        said.seek(0)
        if process.returncode:
            raise TtqBenchError(f"speed: P7: {words[0]} failed: {said.read().strip()[-500:]}")
    return Spent(seconds, most)
