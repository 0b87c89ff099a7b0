"""Runs as three CSV files: a row a trial, a row an epoch, a row a layer and epoch."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from ttq_bench.export.runs.run import LAYER_MEASURES, Plain, Run
from ttq_bench.files import replaceable, write_atomically
from ttq_bench.text import no_formula

# How each file begins, by which a later export knows it.
BEGINNINGS = {
    "runs.csv": b"trial_id,setting,",
    "run_epochs.csv": b"trial_id,epoch,",
    "run_layers.csv": b"trial_id,epoch,layer,",
}
REFUSAL = (
    "lies where the table is to go and is none of `ttq-bench export-runs`; give it another name, or"
    " name another folder with --csv"
)


def write_csv(folder: Path, runs: Iterable[Run]) -> list[Path]:
    """Write the files, each whole or not at all, over those of an earlier export; return them.

    Raises ``ResultsError``, and writes nothing, where one of them would replace another file.
    """
    runs = list(runs)
    for name, beginning in BEGINNINGS.items():
        replaceable(folder / name, partial(_begins_with, beginning), REFUSAL)
    contents = {
        "runs.csv": _runs_csv(runs),
        "run_epochs.csv": _joined({run.trial_id: run.epochs for run in runs}),
        "run_layers.csv": _joined(
            {
                run.trial_id: run.layers[["epoch", "layer", *LAYER_MEASURES]]
                for run in runs
                if run.layers is not None
            }
        ),
    }
    for name, content in contents.items():
        write_atomically(folder / name, content)
    return [folder / name for name in contents]


def _begins_with(beginning: bytes, content: bytes) -> bool:
    return content.startswith(beginning)


def _runs_csv(runs: Sequence[Run]) -> bytes:
    rows = [
        {"trial_id": run.trial_id, "setting": run.setting, **run.hyperparameters, **run.results,
         **{f"tag.{name}": value for name, value in run.tags.items()}}
        for run in runs
    ]  # fmt: skip
    rows = [{no_formula(name): value for name, value in row.items()} for row in rows]
    columns = dict.fromkeys(name for row in rows for name in row)
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return stream.getvalue().encode()


def _cell(value: Plain) -> Plain:
    return no_formula(value) if isinstance(value, str) else value


def _joined(frames: Mapping[str, pd.DataFrame]) -> bytes:
    """Return tables of trials as one; no byte where there is none."""
    if not frames:
        return b""
    joined = pd.concat(frames, names=["trial_id", None]).reset_index("trial_id")
    return joined.to_csv(index=False, lineterminator="\n").encode()
