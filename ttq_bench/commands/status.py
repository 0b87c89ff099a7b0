"""``ttq-bench status``: what a results folder holds, without knowing any suite."""

import argparse
import json
import time
from collections import Counter
from typing import Any

from ttq_bench.errors import ResultsError
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.progress import read_progress
from ttq_bench.records.store import read_failures, read_records

RUNNING_SECONDS = 15.0


def show(options: argparse.Namespace) -> int:
    """Print the status and return 0."""
    results = ResultsPaths(options.results)
    if not results.root.is_dir():
        raise ResultsError(f"{results.root}: no such folder; name one with --results")
    status = collect(results)
    if options.json:
        print(json.dumps(status, indent=2))
        return 0
    print(f"{results.root}: " + ", ".join(f"{n} {kind}" for kind, n in status["counts"].items()))
    for row in status["unfinished"]:
        print(f"  {row['state']:8}{row['trial_id']}: epoch {row['epoch']} of {row['epochs']}")
    for row in status["failures"]:
        print(f"  failed  {row['trial_id']}: {row['reason']}")
    return 0


def collect(results: ResultsPaths) -> dict[str, Any]:
    """Return counts by state, unfinished trials with their epochs, and failures with reasons."""
    outcomes = Counter(record.outcome for record in read_records(results))
    unfinished = []
    for folder in sorted((results.root / "work").glob("*/")):
        paths = results.trial(folder.name)
        progress = read_progress(paths)
        if progress is None or paths.record.exists():
            continue
        fresh = time.time() - progress.updated < RUNNING_SECONDS
        unfinished.append(
            {
                "trial_id": folder.name,
                "state": "running" if fresh else "started",
                "epoch": progress.epoch,
                "epochs": progress.epochs,
            }
        )
    failures = read_failures(results)
    counts = {
        "finished": outcomes["finished"],
        "diverged": outcomes["diverged"],
        "running": sum(row["state"] == "running" for row in unfinished),
        "started": sum(row["state"] == "started" for row in unfinished),
        "failed": len(failures),
    }
    return {"counts": counts, "unfinished": unfinished, "failures": failures}
