"""``ttq-bench export-runs``: records as runs of TensorBoard or MLflow, or as CSV files."""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ttq_bench.commands.at_url import in_step
from ttq_bench.commands.option_values import output_folder, results_place
from ttq_bench.commands.options import add_results_option
from ttq_bench.errors import ResultsError, TtqBenchError
from ttq_bench.records.other_versions import left_out_sentences, split_by_version
from ttq_bench.records.remote.store import Folder
from ttq_bench.text import counted, without_credentials

if TYPE_CHECKING:
    from ttq_bench.export.runs.run import Run

DESCRIPTION = """\
Write every record of a results folder as a run of TensorBoard or MLflow, or all of them as CSV
files: curves over epochs, scales of each layer, final errors, hyperparameters, tags. Nothing is
trained. A second export adds no run twice. For networks instead of records, see `export`."""
EXAMPLES = (
    "ttq-bench export-runs --tensorboard runs",
    "ttq-bench export-runs --mlflow sqlite:///runs.db --results results/demo",
    "ttq-bench export-runs --csv tables --results s3://bucket/results",
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add: in which form, where to, and whose runs."""
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument(
        "--tensorboard", type=output_folder, metavar="DIR",
        help="folder for an event file a trial; look at it with `tensorboard --logdir DIR`",
    )  # fmt: skip
    target.add_argument(
        "--mlflow", metavar="URI",
        help="tracking store of MLflow: http://HOST:PORT, or sqlite:///FILE; the experiment is"
        " named ttq_bench",
    )  # fmt: skip
    target.add_argument(
        "--csv", type=output_folder, metavar="DIR",
        help="folder for runs.csv, run_epochs.csv and run_layers.csv",
    )  # fmt: skip
    add_results_option(parser, results_place)


def run(options: argparse.Namespace) -> int:
    """Write the runs, print how many there are, and return 0."""
    for package in ("tensorboard", "mlflow"):
        if getattr(options, package) is not None and importlib.util.find_spec(package) is None:
            raise TtqBenchError(
                f"--{package} needs the package {package}, which is not installed;"
                f' pip install "ttq-bench[{package}]" installs it'
            )
    return in_step(_export, options)


def _export(options: argparse.Namespace, folder: Folder) -> int:
    from ttq_bench.analysis.recorded import checked_records
    from ttq_bench.export.runs.run import Run  # pandas: 1 s

    results = folder.results
    current, left_out = split_by_version(checked_records(results))
    if not current:
        raise ResultsError(f"{folder.place}: has no record to export; name results with --results")
    runs = (Run.of_record(results.trial(record.trial_id), record) for record in current)
    print(_written(options, runs))
    for sentence in left_out_sentences(left_out):
        print(sentence)
    return 0


def _written(options: argparse.Namespace, runs: Iterator[Run]) -> str:
    """Write the runs in the form that was asked for; return the sentence that tells of it."""
    if options.csv is not None:
        from ttq_bench.export.runs.as_csv import write_csv

        return f"written: {', '.join(map(str, write_csv(options.csv, runs)))}"
    if options.tensorboard is not None:
        from ttq_bench.export.runs.as_tensorboard import write_tensorboard

        place, counts = str(options.tensorboard), write_tensorboard(options.tensorboard, runs)
    else:
        from ttq_bench.export.runs.as_mlflow import write_mlflow

        place, counts = without_credentials(options.mlflow), write_mlflow(options.mlflow, runs)
    return f"{place}: {counted(counts[0], 'run')} written, {counts[1]:,} there already"
