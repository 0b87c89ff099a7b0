"""``ttq-bench status``: what a results folder holds, without knowing any suite."""

import argparse
import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from ttq_bench.analysis.chance import alarms_of, in_words
from ttq_bench.analysis.recorded import checked_records
from ttq_bench.commands.at_url import in_step
from ttq_bench.commands.option_values import results_place
from ttq_bench.commands.options import add_json_option, add_results_option
from ttq_bench.errors import ResultsError
from ttq_bench.execution.lock import driver_is_gone
from ttq_bench.records.attempts.progress import is_begun, read_progress, saved_epochs
from ttq_bench.records.foreign_files import is_own_name
from ttq_bench.records.other_versions import (
    count_left_out,
    left_out_sentences,
    split_by_version,
)
from ttq_bench.records.paths import ResultsPaths, TrialPaths
from ttq_bench.records.remote.store import Folder
from ttq_bench.records.schema import TrialRecord
from ttq_bench.records.store import read_failures, record_files
from ttq_bench.text import json_text, one_line

DESCRIPTION = """\
Count the trials in a results folder by state, and list those that are unfinished, failed, or ended
with an alarm, such as an error at chance level. No suite is needed."""
EXAMPLES = ("ttq-bench status", "ttq-bench status --results s3://bucket/results --json")
RUNNING_SECONDS = 15.0


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add: whose status, and how to print it."""
    add_results_option(parser, results_place)
    add_json_option(parser)


def run(options: argparse.Namespace) -> int:
    """Print the status and return 0."""
    return in_step(_show, options)


def _show(options: argparse.Namespace, folder: Folder) -> int:
    results = folder.results
    if not results.root.is_dir():
        raise ResultsError(f"{results.root}: no such folder; name one with --results")
    status = collect(results)
    if options.json:
        print(json_text(status))
        return 0
    print(f"{folder.place}: " + ", ".join(f"{n} {kind}" for kind, n in status["counts"].items()))
    for sentence in status["left_out"]:
        print(f"  {sentence}")
    for row in status["unfinished"]:
        print(f"  {row['state']:8}{one_line(row['trial_id'])}: {one_line(_place(row))}")
    for row in status["alarms"]:
        print(f"  alarm   {one_line(row['trial_id'])}: {one_line('; '.join(row['alarms']))}")
    for row in status["failures"]:
        print(f"  failed  {one_line(row['trial_id'])}: {one_line(row['reason'])}")
    return 0


def _place(row: Mapping[str, Any]) -> str:
    """Return in words where an unfinished trial is."""
    if row["epochs"] is None:
        at = (
            "at an unknown epoch" if row["epoch"] is None else f"checkpoint of epoch {row['epoch']}"
        )
        return f"{at}; its progress.json is missing or damaged"
    share = row["share_of_epoch"]
    within = f", {100 * share:.0f} % of the next" if share else ""
    return f"epoch {row['epoch']} of {row['epochs']}{within}"


def collect(results: ResultsPaths) -> dict[str, Any]:
    """Return counts by state, what is left out, unfinished trials with their epochs, failures."""
    current, left_out = split_by_version(checked_records(results))
    outcomes = Counter(record.outcome for record in current)
    gone = driver_is_gone(results)
    begun = map(results.trial, _unrecorded(results))
    unfinished = [
        {"trial_id": paths.trial_id, **place}
        for paths in begun
        if not paths.failure.exists() and (place := _unfinished(paths, gone=gone))
    ]
    failures = read_failures(results)
    counts = {
        "finished": outcomes["finished"],
        "diverged": outcomes["diverged"],
        "stale": count_left_out(left_out, "stale"),
        "newer": count_left_out(left_out, "newer"),
        "running": sum(row["state"] == "running" for row in unfinished),
        "started": sum(row["state"] == "started" for row in unfinished),
        "failed": len(failures),
    }
    return {
        "counts": counts,
        "left_out": list(left_out_sentences(left_out)),
        "unfinished": unfinished,
        "alarms": alarm_rows(current),
        "failures": failures,
    }


def _unfinished(paths: TrialPaths, *, gone: bool) -> dict[str, Any] | None:
    """Return state and place of a trial without a record, None where no attempt has begun.

    Where no attempt says its place, the epoch is that of the newest checkpoint, if there is one.
    """
    progress = read_progress(paths)
    if progress is None:
        unknown = {"epoch": saved_epochs(paths), "epochs": None, "share_of_epoch": None}
        return {"state": "started", **unknown} if is_begun(paths) else None
    fresh = abs(time.time() - progress.updated) < RUNNING_SECONDS  # clocks go back, too
    at_work = fresh and not progress.ended and not gone
    return {
        "state": "running" if at_work else "started",
        "epoch": progress.epoch,
        "epochs": progress.epochs,
        "share_of_epoch": progress.share_of_epoch if at_work else progress.saved_share,
    }


def alarm_rows(records: Iterable[TrialRecord]) -> list[dict[str, Any]]:
    """Return the finished trials with alarms, each with all of its alarms in words."""
    return [
        {"trial_id": record.trial_id, "alarms": [in_words(alarm) for alarm in alarms]}
        for record in records
        if (alarms := alarms_of(record))
    ]


def _unrecorded(results: ResultsPaths) -> list[str]:
    """Return the trials that were begun and have no record, by id."""
    work = results.root / "work"
    if not work.is_dir():
        return []
    with os.scandir(work) as entries:
        begun = {e.name for e in entries if e.is_dir() and is_own_name(e.name)}
    return sorted(begun - {path.parent.name for path in record_files(results)})
