"""A results folder of any number of trials that nobody trained, in the form that a run leaves.

The specs are those of a suite, so that ``plan`` finds every trial done. One network of each model
and method is built, not trained, and made a record of by the functions that trials use; seeds are
variants of it. Files that would be equal are links to one.
"""

import hashlib
import math
import os
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ttq_bench.data.identity import identify
from ttq_bench.data.prepared import ImageSet
from ttq_bench.data.sources import find_source
from ttq_bench.models.build import build_model
from ttq_bench.provenance import arithmetic
from ttq_bench.records.attempts.holder import this_host
from ttq_bench.records.attempts.lease import Lease, claim
from ttq_bench.records.attempts.progress import Progress, write_progress
from ttq_bench.records.paths import AttemptPaths, ResultsPaths, TrialPaths
from ttq_bench.records.schema import TABLES, Start, TrialRecord, summarise_errors
from ttq_bench.records.store import Rows, sealed_files, table_bytes
from ttq_bench.spec.trial import TrialSpec
from ttq_bench.speed.epochs import random_images
from ttq_bench.suite.grid import expand
from ttq_bench.suite.reading import parse_suite
from ttq_bench.training.loop import start
from ttq_bench.trial import history
from ttq_bench.trial.inputs import convert_, is_scale
from ttq_bench.trial.settings import RunSettings

EPOCHS, STEPS_PER_EPOCH = 20, 351
TRIALS_PER_SEED = 10  # of two models: the parent, its control, and the parent under three methods
SUITE: Mapping[str, Any] = {
    "name": "large",
    "title": "A grid of many seeds",
    "protocol": "large",
    "datasets": ["cifar10"],
    "models": ["resnet20", "resnet56"],
    "methods": ["full_precision", "ttq", "ttq-tied", "twn"],
    "delta_strategies": [{"max_fraction": 0.05}],
    "training": {"full_precision": {"epochs": EPOCHS}, "fine_tuned": {"epochs": EPOCHS}},
}


@dataclass(frozen=True, slots=True)
class Grid:
    """A suite's file, and the results folder that holds all of its trials."""

    suite: Path
    results: Path
    specs: list[TrialSpec]


@dataclass(frozen=True, slots=True)
class Made:
    """The record of a network, with the rows of its tables."""

    record: TrialRecord
    tables: Mapping[str, Rows]


def write_grid(folder: Path, *, seeds: int, variants: int) -> Grid:
    """Write a suite of ``TRIALS_PER_SEED`` trials for each seed, and the results of all of them.

    Seeds that have the same remainder by ``variants`` have the same errors and scales. The images
    are the published ones, which need not be there.
    """
    document = {**SUITE, "seeds": list(range(seeds))}
    suite = folder / "large.yaml"
    folder.mkdir()
    suite.write_text(yaml.safe_dump(document), encoding="utf-8")
    identity = identify(find_source("cifar10", folder), folder)
    specs = expand(parse_suite(document, "", str(suite)), {"cifar10": identity}, str(suite))
    settings = RunSettings(folder / "results", folder, folder, "cpu")
    _write_trials(specs, settings, variants)
    return Grid(suite, settings.results, specs)


def _write_trials(specs: list[TrialSpec], settings: RunSettings, variants: int) -> None:
    made: dict[tuple[str, str], Made] = {}
    groups: dict[tuple[str, str, int], list[TrialSpec]] = {}
    for spec in specs:
        groups.setdefault((spec.model, spec.arm, spec.seed % variants), []).append(spec)
    images = random_images(specs[0].model)
    attempt = _attempt(ResultsPaths(settings.results).trial(specs[0].trial_id))
    for (model, arm, variant), group in groups.items():
        if (model, arm) not in made:
            made[model, arm] = _made(group[0], settings, images)
        _write_alike(group, _variant(made[model, arm], variant), attempt)


def _attempt(paths: TrialPaths) -> AttemptPaths:
    attempt = claim(paths, Lease(this_host(), os.getpid(), "", arithmetic(), ""))
    write_progress(attempt, Progress(EPOCHS, EPOCHS, 0.0, None, None, 0.0, ended=True))
    return attempt


def _write_alike(specs: list[TrialSpec], made: Made, attempt: AttemptPaths) -> None:
    """Write trials whose tables and attempts are the same, without a flush for each file."""
    tables = {name: table_bytes(rows, TABLES[name]) for name, rows in made.tables.items() if rows}
    results = attempt.trial.results
    first = results.trial(specs[0].trial_id).folder
    for spec in specs:
        paths = results.trial(spec.trial_id)
        _link(attempt, paths.attempt(attempt.number))
        paths.folder.mkdir(parents=True)
        for name, content in sealed_files(_record_of(spec, made.record), tables).items():
            if name in tables and paths.folder != first:
                os.link(first / name, paths.folder / name)
            else:
                (paths.folder / name).write_bytes(content)


def _link(attempt: AttemptPaths, other: AttemptPaths) -> None:
    if attempt != other:
        other.folder.mkdir(parents=True)
        os.link(attempt.lease, other.lease)
        os.link(attempt.progress, other.progress)


def _record_of(spec: TrialSpec, like: TrialRecord) -> TrialRecord:
    begun = None
    if spec.parent is not None:
        digest = hashlib.sha256(spec.parent.encode()).hexdigest()
        begun = Start(weights_sha256=digest, test_error_percent=10.0)
    same = {"trial_id": spec.trial_id, "spec": spec.resolved(), "start": begun}
    return like.model_copy(update=same)


def _made(spec: TrialSpec, settings: RunSettings, images: ImageSet) -> Made:
    """Return what a trial would record of the network of ``spec``, had it stayed as it began."""
    model = build_model(spec.model, classes=10, seed=0)
    convert_(model, spec)
    state = start(model, spec.recipe, is_scale)
    begun = history.start_entry(model, None)
    state.history = [begun, history.attempt_entry(state, 1, settings, anew=False)]
    for epoch in range(1, EPOCHS + 1):
        state.history.append({"epoch": epoch, "row": _row(epoch), "layers": begun["layers"]})
    state.history[-1]["histograms"] = begun["histograms"]
    state.epoch = EPOCHS
    record = history.make_record(
        spec, state, "finished", settings=settings, images=images,
        steps_per_epoch=STEPS_PER_EPOCH, earlier_ends={},
    )  # fmt: skip
    rows = history.epoch_rows(state), history.scale_rows(state), history.histogram_rows(state)
    return Made(record, dict(zip(TABLES, rows, strict=True)))


def _row(epoch: int) -> dict[str, Any]:
    error = 10.0 + 30.0 / epoch
    return {
        "epoch": epoch, "learning_rate": 0.1, "train_loss": 1 / epoch, "epoch_seconds": 30.0,
        "validation_error_percent": error, "validation_loss": error / 30,
        "test_error_percent": error, "test_loss": error / 30,
    }  # fmt: skip


def _variant(made: Made, number: int) -> Made:
    """Return it with errors and scales as another seed could have them."""
    draw = random.Random(f"{made.record.trial_id} {number}")  # noqa: S311 - nothing to guess here
    higher, wider = draw.gauss(0, 0.3), draw.gauss(0, 0.05)
    errors = ("validation_error_percent", "test_error_percent")
    epochs = [
        {**row, **{name: row[name] + higher for name in errors}}
        for row in made.tables["epochs.parquet"]
    ]
    scales = [_moved(row, wider * row["epoch"] / EPOCHS) for row in made.tables["scales.parquet"]]
    record = made.record.model_copy(update={"errors": summarise_errors(epochs)})
    return Made(record, {**made.tables, "epochs.parquet": epochs, "scales.parquet": scales})


def _moved(row: Mapping[str, Any], rho: float) -> dict[str, Any]:
    positive = row["positive_scale"] * math.exp(rho)
    return {**row, "positive_scale": positive, "rho": row["rho"] + rho}
