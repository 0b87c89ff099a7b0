"""A small grid run by a real driver, and when two results folders hold the same records."""

import contextlib
import json
import os
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from tests.tiny_suite import COMMAND, tiny_document
from tests.trial.same_trial import exact, rows
from ttq_bench.cli import main
from ttq_bench.records.attempts.lease import newest_number, read_lease
from ttq_bench.records.attempts.progress import read_progress
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.schema import TrialRecord
from ttq_bench.records.store import read_record, record_files

# What depends on when and how often a trial was taken up, and on nothing it computed.
OF_TIME = ("training_seconds", "table_sha256")
UNDISTURBED = ("--backend", "inprocess", "--threads", "1")
OF_RUN = ("attempts", "earlier_attempts_ended", "ended", "backend", "gpu_share")


@dataclass
class Grid:
    """``ttq-bench run`` of the tiny suite in ``folder``; one folder may see many drivers."""

    folder: Path
    document: dict
    words: tuple[str, ...] = ("--backend", "ray", "--threads", "1")
    env: dict[str, str] = field(default_factory=dict)
    before: tuple[str, ...] = ()
    report: bool = False

    def __post_init__(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        self.suite = self.folder / "tiny.yaml"
        self.suite.write_text(yaml.safe_dump(self.document), encoding="utf-8")
        self.results = ResultsPaths(self.folder / "results")

    def start(self, *more: str) -> subprocess.Popen:
        """Start a driver; it and all its children are one process group."""
        words = [*self.before, *COMMAND, "run", self.suite, "--results", self.results.root]
        words += [*self.words, *more, *(() if self.report else ("--no-report",))]
        return subprocess.Popen(
            list(map(str, words)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "TTQ_BENCH_TEST": str(self.folder), **self.env},
            start_new_session=True,
        )

    def finish(self, *more: str, seconds: float = 300.0) -> tuple[int, str]:
        """Run a driver to its end; return its exit code and all it said."""
        process = self.start(*more)
        try:
            output, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        return process.returncode, output

    def records(self) -> dict[str, str]:
        """Return what each record and its tables say apart from times, by trial id."""
        return {path.parent.name: self._told(path) for path in record_files(self.results)}

    def _told(self, path: Path) -> str:
        record = read_record(path).model_dump(mode="json")
        for name in OF_TIME:
            del record[name]
        for name in OF_RUN:
            record["run"].pop(name, None)
        paths = self.results.trial(path.parent.name)
        tables = sorted(table.name for table in path.parent.glob("*.parquet"))
        return json.dumps([record, [[name, exact(rows(paths, name))] for name in tables]])

    def worker(self, trial_id: str) -> int | None:
        """Return the process of the newest attempt at a trial, None if none has begun."""
        paths = self.results.trial(trial_id)
        number = newest_number(paths)
        lease = read_lease(paths.attempt(number)) if number else None
        return lease.process if lease else None

    def epoch(self, trial_id: str) -> int:
        """Return the last whole epoch of a trial."""
        progress = read_progress(self.results.trial(trial_id))
        return progress.epoch if progress else 0


def undisturbed(folder: Path, document: dict) -> Grid:
    """Return the grid of a suite that this process ran to its end."""
    grid = Grid(folder, document, UNDISTURBED)
    assert main(run_words(grid, "--no-report")) == 0
    return grid


def parents(seeds: int, epochs: int) -> dict:
    """Return a suite of so many independent full-precision trials."""
    return tiny_document(epochs=epochs, methods=("full_precision",), seeds=list(range(seeds)))


def processes_of(folder: Path) -> list[int]:
    """Return the living processes that a driver of the grid in ``folder`` left, itself included."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            named = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if str(folder).encode() in named and state != "Z" and int(entry.name) != os.getpid():
            found.append(int(entry.name))
    return found


def worker_of(trial_id: str) -> int | None:
    """Return the process of the Ray worker that runs a trial, None if there is none."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if path.read_bytes().startswith(f"ray::{trial_id}".encode()):
                return int(path.parent.name)
    return None


def injected(fault: str) -> dict[str, str]:
    """Return the environment in which workers do ``fault`` (see ``injected/sitecustomize.py``)."""
    folder = Path(__file__).parent / "injected"
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {"PYTHONPATH": path, "TTQ_BENCH_FAULT": fault}


def epochs_done(grid: Grid) -> int:
    """Return the last whole epoch of the trial that is furthest."""
    found = grid.results.root.glob("work/*/attempts/*.lease.json")
    return max((grid.epoch(path.parent.parent.name) for path in found), default=0)


def only_record(grid: Grid) -> TrialRecord:
    """Return the one record there is."""
    (path,) = record_files(grid.results)
    return read_record(path)


def run_words(grid: Grid, *more: str) -> list[str]:
    """Return the words of ``ttq-bench`` that run the grid in one process."""
    return ["run", str(grid.suite), "--results", str(grid.results.root), *UNDISTURBED, *more]
