"""``ttq-bench run``: print the plan, fetch images, train the grid, write the report."""

import argparse
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TextIO

from rich.console import Console

from ttq_bench.commands import report
from ttq_bench.commands.at_url import in_step
from ttq_bench.commands.chosen_trials import name_of
from ttq_bench.commands.fetching import fetch
from ttq_bench.commands.option_values import address
from ttq_bench.commands.options import add_ending_options, add_suite_options
from ttq_bench.commands.plan import describe
from ttq_bench.commands.prepared import Prepared, prepare, shared_out
from ttq_bench.commands.run_end import RunEnd, alarm_lines, alarms_of
from ttq_bench.data.catalog import is_streamed
from ttq_bench.data.identity import cache_folder, identify, prepared_folder
from ttq_bench.data.sources import find_source
from ttq_bench.execution import mps
from ttq_bench.execution.display import console_here, say
from ttq_bench.execution.driver import TIME_LIMIT_MARGIN_SECONDS, Stop, backend_maker, run_plan
from ttq_bench.execution.ray.startup_notes import notes
from ttq_bench.execution.resources import Shares, share, trials_on_a_gpu
from ttq_bench.execution.scheduler import Tally
from ttq_bench.provenance import arithmetic, why_no_commit
from ttq_bench.records.plans import PlannedSuite
from ttq_bench.records.remote.store import Folder
from ttq_bench.trial.settings import ClusterOptions, RunSettings

DESCRIPTION = """\
Train the trials of a suite that have no record yet, then write the report. The plan is printed
first. Ctrl-C stops the run cleanly; the same command goes on at the last checkpoint."""
EXAMPLES = (
    "ttq-bench run demo --results results/demo",
    "ttq-bench run cifar --profile quick --data-dir /data/cifar10 --time-limit 2h",
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add, beside what ``plan`` takes: which Ray cluster, and when to end."""
    add_suite_options(parser)
    parser.add_argument(
        "--address", type=address, metavar="HOST:PORT",
        help="Ray cluster to run on (default: a Ray of its own on this machine)",
    )  # fmt: skip
    parser.add_argument(
        "--dashboard", nargs="?", const="127.0.0.1", metavar="HOST",
        help="also start Ray's dashboard, on 127.0.0.1 or on HOST",
    )  # fmt: skip
    add_ending_options(parser)
    parser.add_argument(
        "-q", "--quiet", action="store_true",
        help="print no plan and no progress: alarms, what did not end well, and the summary alone",
    )  # fmt: skip
    parser.add_argument(
        "--json", action="store_true",
        help="print what became of each trial as JSON in the end, all else on standard error",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Run what is missing and return the exit code."""
    return in_step(_run, options)


def _run(options: argparse.Namespace, folder: Folder) -> int:
    stop = Stop()
    if options.time_limit is not None:
        limit = max(options.time_limit - TIME_LIMIT_MARGIN_SECONDS, 0.0)
        stop.deadline = time.monotonic() + limit
    console = console_here(to_stderr=options.json, quiet=options.quiet)
    prepared = shared_out(prepare(options, folder), options, folder)
    warnings = _without_commit() if prepared.plan.pending else []
    if options.backend == "ray" and prepared.plan.pending:
        warnings += notes(options.address, options.device)
    for line in (*describe(prepared, folder.place), *warnings):
        say(console, line)
    if options.quiet:
        _print(warnings, sys.stderr)
    _fetch_missing(prepared, console)
    _decode_once(prepared)
    tally = _run_pending(prepared, options, folder, stop, console)
    planned = {trial.spec.trial_id for trial in prepared.plan.trials}
    alarms = alarms_of(folder.results, planned)
    if not options.json:
        _print(alarm_lines(alarms))
    summary = ""
    if not (tally.left or options.no_report):
        say(console, "drawing the report")
        summary = report.write(folder)
    end = RunEnd(tally, stop, folder, summary, reran=options.rerun is not None)
    if options.json:
        print(end.as_json(alarms))
    else:
        _print(end.lines())
    return end.exit_code()


def _print(lines: Iterable[str], stream: TextIO | None = None) -> None:
    for line in lines:
        print(line, file=stream)


def _without_commit() -> list[str]:
    """Return why records will name no commit, and what to do; empty where they will."""
    reason, way_out = why_no_commit()
    return [f"records of this run will name no commit: {reason}; {way_out}"] if reason else []


def _decode_once(prepared: Prepared) -> None:
    """Decode images that were not used here before, so that bad ones end the run now."""
    cache = cache_folder()
    for name, identity in prepared.identities.items():
        if not is_streamed(name) and not prepared_folder(identity, cache).exists():
            from ttq_bench.data.prepared import load_images  # torch: only this once

            load_images(find_source(name, prepared.data_dir), identity, cache)


def _run_pending(
    prepared: Prepared, options: argparse.Namespace, folder: Folder, stop: Stop, console: Console
) -> Tally:
    suite = prepared.suite
    profile = _noted_profile(prepared, options)
    noted = PlannedSuite(suite.name, profile, suite.title, prepared.whole)
    with _shared_gpus(prepared, options, console) as shares:
        return run_plan(
            prepared.plan,
            noted,
            settings=_settings(prepared, options, folder),
            shares=shares,
            make_backend=backend_maker(options.backend, _cluster(prepared, options), stop),
            stop=stop,
            console=console,
        )


@contextmanager
def _shared_gpus(
    prepared: Prepared, options: argparse.Namespace, console: Console
) -> Iterator[Shares]:
    """Start the service by which trials on one GPU compute at once, and yield the shares.

    Where it does not work, they are shares of one trial at a time. On a cluster its nodes start it.
    """
    shares, plan = prepared.shares, prepared.plan
    here = options.backend == "ray" and options.address is None
    if not here or not plan.pending or not 0 < shares.gpus < 1:
        yield shares
        return
    # Not more than are left; Ray fills one GPU before it begins the next.
    with mps.service(console.print, min(round(1 / shares.gpus), len(plan.pending))) as computes:
        if not computes and options.trials_per_gpu is None:
            machine = replace(prepared.machine, shares_gpus=False)
            shares = share(
                [machine], prepared.device, len(plan.trials), threads=options.threads,
                trials_per_gpu=trials_on_a_gpu(machine, len(plan.trials)),
            )  # fmt: skip
        yield shares


def _noted_profile(prepared: Prepared, options: argparse.Namespace) -> str:
    """Return the profile, with the images and values that are not the suite's own."""
    images = [identity.name for identity in prepared.identities.values() if options.dataset]
    return "-".join(filter(None, (prepared.profile, *images, name_of(options.changes))))


def _cluster(prepared: Prepared, options: argparse.Namespace) -> ClusterOptions:
    return ClusterOptions(
        cores=prepared.machine.cores,
        gpus=prepared.machine.gpus,
        address=options.address,
        dashboard=options.dashboard,
        silence_seconds=options.silence,
    )


def _settings(prepared: Prepared, options: argparse.Namespace, folder: Folder) -> RunSettings:
    return RunSettings(
        results=folder.results.root.resolve(),
        data_dir=prepared.data_dir.resolve(),
        cache=cache_folder().resolve(),
        device=prepared.device,
        threads=prepared.shares.threads,
        backend=options.backend,
        histogram_epochs=prepared.suite.histogram_epochs,
        arithmetic=arithmetic(),
        url=folder.url,
        checkpoint_seconds=options.checkpoint_every,
    )


def _fetch_missing(prepared: Prepared, console: Console) -> None:
    for source in prepared.sources.values():
        if source.archive is not None and not source.is_present:
            fetch(source, console)
            identify(find_source(source.dataset, prepared.data_dir), cache_folder())
