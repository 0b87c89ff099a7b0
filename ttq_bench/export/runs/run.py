"""One record as a run: the form in which programs that track experiments keep a trial.

The names of curves and results are those of ``record.json`` and its tables; what is measured in
each layer is named ``MEASURE/LAYER``. Errors are in percent, times in seconds since 1970.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import pandas as pd

from ttq_bench.analysis.recorded_tables import checked_table
from ttq_bench.records.paths import TrialPaths
from ttq_bench.records.schema import TrialRecord
from ttq_bench.records.seal import SEAL, sha256
from ttq_bench.text import one_line

Plain = str | float | int | bool
LAYER_MEASURES = ("positive_scale", "negative_scale", "rho", "zero_share")


@dataclass(frozen=True, slots=True)
class Run:
    """``epochs`` and ``layers`` are the record's tables; ``layers`` is None in full precision.

    ``seal_sha256`` is the digest of the record's seal: runs with the same one hold the same.
    """

    trial_id: str
    setting: str
    is_finished: bool
    seal_sha256: str
    hyperparameters: Mapping[str, Plain]
    tags: Mapping[str, str]
    results: Mapping[str, float]
    epochs: pd.DataFrame
    layers: pd.DataFrame | None
    began: float
    ended: float

    @classmethod
    def of_record(cls, paths: TrialPaths, record: TrialRecord) -> Self:
        """Return the run of a checked record; ``ResultsError`` for tables that cannot be shown."""
        spec = record.reported_spec
        has_layers = "scales.parquet" in record.table_sha256
        ended = _seconds(record.run.get("ended"), record.training_seconds)
        return cls(
            trial_id=record.trial_id,
            setting=f"{spec.dataset}, {spec.model}, {spec.protocol}",
            is_finished=record.outcome == "finished",
            seal_sha256=sha256((paths.folder / SEAL).read_bytes()),
            hyperparameters=_hyperparameters(record),
            tags=_tags(record),
            results=_results(record),
            epochs=checked_table(paths, "epochs.parquet"),
            layers=checked_table(paths, "scales.parquet") if has_layers else None,
            began=ended - record.training_seconds,
            ended=ended,
        )

    def points(self) -> Iterator[tuple[str, int, float, float]]:
        """Yield name, epoch, value and time of each measurement, the results last.

        What was not measured is left out. Epoch 0 is the start, of which only layers were measured.
        """
        last = int(self.epochs["epoch"].max()) if len(self.epochs) else 0
        times = [self._end_of(epoch) for epoch in range(last + 1)]
        for name, epoch, value in self._curves():
            yield name, epoch, value, times[epoch]
        for name, value in self.results.items():
            yield f"results/{name}", last, value, times[last]

    def _curves(self) -> Iterator[tuple[str, int, float]]:
        yield from _curves_of(self.epochs, "")
        if self.layers is not None:
            columns = ["epoch", *LAYER_MEASURES]
            for layer, rows in self.layers.groupby("layer", sort=False, observed=True):
                yield from _curves_of(rows[columns], f"/{layer}")

    def _end_of(self, epoch: int) -> float:
        """Return when an epoch ended, from the epochs' lengths counted back from the end."""
        later = self.epochs["epoch"] > epoch
        return max(self.began, self.ended - float(self.epochs["epoch_seconds"][later].sum()))


def _curves_of(frame: pd.DataFrame, suffix: str) -> Iterator[tuple[str, int, float]]:
    for column in frame.columns.drop("epoch"):
        known = frame[["epoch", column]].dropna()
        for epoch, value in zip(known["epoch"], known[column], strict=True):
            yield f"{column}{suffix}", int(epoch), float(value)


def _hyperparameters(record: TrialRecord) -> dict[str, Plain]:
    """Return the fields of the spec that are set, those of its parts as ``recipe.epochs``."""
    spec = record.reported_spec
    fields = spec.model_dump(mode="json", exclude_unset=True)
    return {"arm": spec.arm, **dict(_flat(fields, ""))}


def _flat(fields: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Plain]]:
    for name, value in fields.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            yield prefix + name, json.dumps(value)
        elif value is not None:
            yield prefix + name, value


def _tags(record: TrialRecord) -> dict[str, str]:
    """Return where and with what the trial ran, and what is to be looked at."""
    run = {name: record.run.get(name) for name in ("device", "device_name", "threads", "backend")}
    alarms = "; ".join(f"{alarm.what} (epoch {alarm.epoch})" for alarm in record.alarms)
    tags = {**record.provenance, **run, "outcome": record.outcome, "alarms": alarms}
    return {name: one_line(str(value)) for name, value in tags.items() if value not in (None, "")}


def _results(record: TrialRecord) -> dict[str, float]:
    errors = record.errors.model_dump() if record.errors else {}
    start = record.start.test_error_percent if record.start else None
    results = {
        **{f"errors.{name}": value for name, value in errors.items()},
        "start.test_error_percent": start,
        "sparsity": record.sparsity,
        "parameter_count": record.parameter_count,
        "training_seconds": record.training_seconds,
    }
    return {name: float(value) for name, value in results.items() if value is not None}


def _seconds(text: object, otherwise: float) -> float:
    """Return the time that ISO 8601 text names; ``otherwise`` where a record does not say it."""
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except (ValueError, OverflowError):
        return otherwise
