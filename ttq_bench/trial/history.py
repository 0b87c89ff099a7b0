"""What a trial remembers of each epoch, and the record that this becomes at its end.

The history is part of every checkpoint, so that a resumed trial's tables have all their rows.
"""

from datetime import UTC, datetime
from typing import Any

import torch
from torch import nn

from ttq_bench.data.prepared import Images
from ttq_bench.data.streaming.batches import StreamedImages
from ttq_bench.provenance import collect_provenance
from ttq_bench.records.schema import (
    EPOCH_COLUMNS,
    HISTOGRAM_COLUMNS,
    SCALE_COLUMNS,
    SCHEMA_VERSION,
    Alarm,
    Gauge,
    Start,
    TrialRecord,
    summarise_errors,
)
from ttq_bench.records.store import table_bytes
from ttq_bench.spec.trial import TrialSpec
from ttq_bench.ternary.methods import METHODS
from ttq_bench.ternary.weight_stats import layer_statistics, sparsity
from ttq_bench.training.loop import EpochResult, TrainingState
from ttq_bench.trial.observation import Observation, histograms
from ttq_bench.trial.selfchecks import gauge_check
from ttq_bench.trial.settings import RunSettings

# Seen so far: 0.006 in bfloat16, 2e-5 in single precision; with a wrong sign 1.
LARGEST_RESIDUE = 0.1
SIZE_BOUND = 1.25


def start_entry(model: nn.Module, start: Start | None) -> dict[str, Any]:
    """Return the history's first entry: scales before the first step, error of the parent."""
    return {
        "epoch": 0,
        "layers": Observation(model).end_epoch(stepped=False),
        "histograms": histograms(model),
        "start": start.model_dump() if start else None,
    }


def attempt_entry(
    state: TrainingState, number: int, settings: RunSettings, *, anew: bool
) -> dict[str, Any]:
    """Return the entry of an attempt that takes the trial up at ``state``: where, and with what.

    ``anew`` says that there were checkpoints, made by other code or from other pixels.
    """
    attempt = {
        "attempt": number,
        "after_epoch": state.epoch,
        "after_steps": len(state.within.losses),
        "anew": anew,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": settings.device,
        "device_name": _device_name(settings.device),
        "threads": settings.threads,
        "ranks": settings.ranks,
        "backend": settings.backend,
        **collect_provenance(settings.arithmetic),
    }
    return {"epoch": state.epoch, "layers": [], "attempt": attempt}


def epoch_entry(
    result: EpochResult, observation: Observation, *, with_histograms: bool
) -> dict[str, Any]:
    """Return the history's entry of one epoch: its row for the table, and the scales after it."""
    row = {
        "epoch": result.epoch,
        "learning_rate": result.learning_rate,
        "train_loss": result.train_loss,
        "validation_error_percent": result.validation.error_percent,
        "validation_loss": result.validation.loss,
        "test_error_percent": result.test.error_percent,
        "test_loss": result.test.loss,
        "epoch_seconds": result.seconds,
    }
    for split, found in (("validation", result.validation), ("test", result.test)):
        if found.top5_error_percent is not None:
            row[f"{split}_top5_error_percent"] = found.top5_error_percent
    entry = {
        "epoch": result.epoch,
        "row": row,
        "layers": observation.end_epoch(),
        "graphed": result.graphed,
    }
    return entry | ({"histograms": histograms(observation.model)} if with_histograms else {})


def diverged_entry(epoch: int, reason: str) -> dict[str, Any]:
    """Return the entry of a run that ended in epoch ``epoch`` with a loss that is not finite."""
    return {"epoch": epoch, "layers": [], "diverged": reason}


def check_history(state: TrainingState) -> None:
    """Raise ``ValueError``, or what reading raises, unless the history gives all tables."""
    rows, epochs = epoch_rows(state), [entry["epoch"] for entry in state.history]
    tables = [(rows, EPOCH_COLUMNS), (scale_rows(state), SCALE_COLUMNS),
              (histogram_rows(state), HISTOGRAM_COLUMNS)]  # fmt: skip
    for table, columns in tables:
        table_bytes(table, columns)
    numbers = [*epochs, *(value for row in rows for value in row.values())]
    if not all(isinstance(number, int | float) for number in numbers) or len(rows) != state.epoch:
        raise ValueError("the history is not one of so many epochs")
    alarms(state)


def epoch_rows(state: TrainingState) -> list[dict[str, Any]]:
    """Return the rows of ``epochs.parquet``."""
    return [entry["row"] for entry in state.history if "row" in entry]


def scale_rows(state: TrainingState) -> list[dict[str, Any]]:
    """Return the rows of ``scales.parquet`` (none for full precision)."""
    return [
        {**dict.fromkeys(SCALE_COLUMNS), "epoch": entry["epoch"], **layer}  # older ones lack some
        for entry in state.history
        for layer in entry["layers"]
    ]


def histogram_rows(state: TrainingState) -> list[dict[str, Any]]:
    """Return the rows of ``histograms.parquet``."""
    return [
        {
            "epoch": entry["epoch"], "layer_index": index, "layer": found["layer"],
            "reach": found["reach"], "bins": len(found["counts"]), "bin": number, "count": count,
        }
        for entry in state.history
        for index, found in enumerate(entry.get("histograms", []))
        for number, count in enumerate(found["counts"])
    ]  # fmt: skip


def alarms(state: TrainingState, gauge: Gauge | None = None) -> tuple[Alarm, ...]:
    """Return each alarm of each layer once, with the first epoch at which it was seen."""
    seen: dict[tuple[str, str | None], int] = {}
    for entry in state.history:
        for layer in entry["layers"]:
            wrong = list(layer.get("alarms", ()))
            residue = layer.get("gauge_residue")
            if residue is not None and not residue <= LARGEST_RESIDUE:  # not a number, too
                wrong.append("gradients of the scales do not cancel before batch normalisation")
            for what in wrong:
                seen.setdefault((what, layer["layer"]), entry["epoch"])
        if "diverged" in entry:
            seen.setdefault((f"non-finite loss: {entry['diverged']}", None), entry["epoch"])
    low, high = (gauge.ratio_low, gauge.ratio_high) if gauge else (None, None)
    if low is not None and high is not None and not 1 / SIZE_BOUND <= low <= high <= SIZE_BOUND:
        seen["the scales' size is not what decay and steps explain", None] = state.epoch
    return tuple(Alarm(what=what, layer=layer, epoch=at) for (what, layer), at in seen.items())


def make_record(
    spec: TrialSpec,
    state: TrainingState,
    outcome: str,
    *,
    settings: RunSettings,
    images: Images,
    steps_per_epoch: int,
    earlier_ends: dict[str, str],
) -> TrialRecord:
    """Return the record of a trial that finished or diverged."""
    rows = epoch_rows(state)
    layers = layer_statistics(state.model)
    attempts = [entry["attempt"] for entry in state.history if "attempt" in entry]
    begun = next((entry["start"] for entry in state.history if entry.get("start")), None)
    scales = scale_rows(state)
    gauge = gauge_check(scales, spec.recipe, steps_per_epoch, as_printed=_as_printed(spec))
    return TrialRecord(
        schema_version=SCHEMA_VERSION,
        trial_id=spec.trial_id,
        outcome="diverged" if outcome == "diverged" else "finished",
        spec=spec.resolved(),
        errors=None if outcome == "diverged" else summarise_errors(rows),
        start=Start.model_validate(begun) if begun else None,
        sparsity=sparsity(layers) if layers else None,
        parameter_count=sum(parameter.numel() for parameter in state.model.parameters()),
        epochs_done=state.epoch,
        training_seconds=sum(row["epoch_seconds"] for row in rows),
        run={
            "device": settings.device,
            "device_name": _device_name(settings.device),
            "threads": settings.threads,
            "ranks": settings.ranks,
            "gpu_share": settings.gpu_share,
            "backend": settings.backend,
            "graphed_epochs": sum(entry.get("graphed", False) for entry in state.history),
            "attempts": attempts,
            "earlier_attempts_ended": earlier_ends,
            "ended": datetime.now(UTC).isoformat(timespec="seconds"),
            "pixels_sha256": images.pixels_sha256,
            "pixel_mean": images.mean,
            "pixel_deviation": images.deviation,
            **_class_list(images),
        },
        provenance=collect_provenance(settings.arithmetic),
        table_sha256={},
        alarms=alarms(state, gauge),
        gauge=gauge,
    )


def _class_list(images: Images) -> dict[str, str]:
    if isinstance(images, StreamedImages):
        return {"class_list_sha256": images.class_list_sha256}
    return {}


def _as_printed(spec: TrialSpec) -> bool:
    quantization = spec.quantization
    return quantization is not None and METHODS[quantization.method].scale_gradient == "as_printed"


def _device_name(device: str) -> str:
    return torch.cuda.get_device_name() if device == "cuda" else "cpu"
