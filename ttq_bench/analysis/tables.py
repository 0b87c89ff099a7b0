"""Records as tidy tables: one row a trial, an epoch, or a layer at an epoch.

``trials`` has, beside the spec's axes, ``recipe``: a short hash of budget and conversion of the
trial and of its parent; ``budget`` leaves the conversion out.
Rows are averaged over seeds only within one dataset, protocol, model,
arm, strategy and recipe.
"""

import hashlib
import io
import json
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.schema import TrialRecord
from ttq_bench.records.store import read_failures, read_records, read_table

GROUP = ["dataset", "protocol", "model", "arm", "strategy", "recipe"]
FULL_PRECISION = "full_precision"
CONTINUED = "full_precision_continued"


@dataclass(frozen=True, slots=True)
class Tables:
    """All that a report reads. ``failures`` are trials whose last attempt failed."""

    trials: pd.DataFrame
    epochs: pd.DataFrame
    scales: pd.DataFrame
    failures: list[dict[str, Any]]

    @property
    def finished(self) -> pd.DataFrame:
        """Trials that have errors (all but the diverged ones)."""
        if self.trials.empty:
            return self.trials
        return self.trials[self.trials["outcome"] == "finished"]

    def final_scales(self) -> pd.DataFrame:
        """Return the scales at the last epoch of each trial, see ``of_finished``."""
        if self.scales.empty:
            return self.scales
        last = self.scales.groupby("trial_id")["epoch"].transform("max")
        return self.of_finished(self.scales[self.scales["epoch"] == last])

    def of_finished(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of finished trials, with the trials' own columns joined on."""
        keys = ["trial_id", "parent", "seed", *GROUP]
        return rows.merge(self.finished[keys], on="trial_id")

    def final_scales_of(self, arm: object) -> pd.DataFrame:
        """Return the final scales of one arm: anything with the attributes that ``GROUP`` names."""
        final = self.final_scales()
        mine = pd.Series(True, index=final.index)
        for key in GROUP:
            mine &= final[key] == getattr(arm, key)
        return final[mine]


def load_tables(results: ResultsPaths) -> Tables:
    """Return the tables of every record in a results folder."""
    records = {record.trial_id: record for record in read_records(results)}
    trials = pd.DataFrame([_trial_row(record, records) for record in records.values()])
    epochs = _joined(results, records, "epochs.parquet")
    scales = _joined(results, records, "scales.parquet")
    return Tables(trials, epochs, scales, read_failures(results))


def _joined(results: ResultsPaths, records: dict[str, TrialRecord], name: str) -> pd.DataFrame:
    frames = []
    for trial_id, record in records.items():
        if name in record.table_sha256:
            content = read_table(results.trial(trial_id), name, record.table_sha256[name])
            frame = pd.read_parquet(io.BytesIO(content))
            frame.insert(0, "trial_id", trial_id)
            if len(frame):  # a trial that diverged in its first epoch has rows of no type
                frames.append(frame)
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _trial_row(record: TrialRecord, records: dict[str, TrialRecord]) -> dict[str, Any]:
    spec, errors = record.spec, record.errors
    quantization = spec["quantization"] or {}
    strategy = quantization.get("strategy")
    parent = records.get(spec["parent"] or "")
    return {
        "trial_id": record.trial_id,
        "parent": spec["parent"],
        "dataset": spec["dataset"],
        "protocol": spec["protocol"],
        "model": spec["model"],
        "arm": _arm(spec),
        "strategy": f"{strategy['name']}({strategy['number']:g})" if strategy else "",
        "seed": spec["seed"],
        "recipe": _digest([*_budget(spec, parent), quantization.get("conversion")]),
        "budget": _digest(_budget(spec, parent)),
        "epochs": spec["recipe"]["epochs"],
        "outcome": record.outcome,
        "final_error_percent": errors.final_percent if errors else None,
        "best_validation_error_percent": errors.at_best_validation_percent if errors else None,
        "moving_average_error_percent": errors.moving_average_percent if errors else None,
        "minimum_over_test_error_percent": errors.minimum_over_test_percent if errors else None,
        "final_validation_error_percent": errors.final_validation_percent if errors else None,
        "sparsity": record.sparsity,
        "training_seconds": record.training_seconds,
        "device": record.run.get("device_name", ""),
        "threads": record.run.get("threads"),
        "backend": record.run.get("backend"),
        "commit": record.provenance.get("commit", "unknown"),
        "torch": record.provenance.get("torch", "unknown"),
        "processor": record.provenance.get("processor", "unknown"),
    }


def _arm(spec: dict[str, Any]) -> str:
    if spec["quantization"]:
        return str(spec["quantization"]["method"])
    return CONTINUED if spec["parent"] else FULL_PRECISION


def _budget(spec: dict[str, Any], parent: TrialRecord | None) -> list[Any]:
    # The parent's id holds its seed, so its recipe is taken instead; without the parent's record
    # the id stands, which keeps such trials apart rather than mixing them.
    start = parent.spec["recipe"] if parent else spec["parent"]
    return [spec["recipe"], start, spec["data_fingerprint"], spec["training_version"]]


def _digest(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:8]
