"""What a trial remembers of each epoch, and the record that this becomes at its end.

The history is part of every checkpoint, so that a resumed trial's tables have all their rows. There
it is plain values, which ``torch.load(weights_only=True)`` reads.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, TypeAdapter
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
from ttq_bench.trial.observation import Histogram, Observation, histograms
from ttq_bench.trial.selfchecks import gauge_check
from ttq_bench.trial.settings import RunSettings

# Seen so far: 0.006 in bfloat16, 2e-5 in single precision; with a wrong sign 1.
LARGEST_RESIDUE = 0.1
SIZE_BOUND = 1.25


class HistoryEntry(BaseModel):
    """One event of a trial: its start, an attempt, the end of an epoch, or its divergence.

    ``epoch`` counts the whole epochs before the event. ``layers`` are rows of ``SCALE_COLUMNS``
    and more, with the alarms of each layer. An epoch has a ``row`` of ``EPOCH_COLUMNS``, and
    ``graphed`` says whether its steps were a CUDA graph; ``diverged`` is the reason.
    """

    model_config = ConfigDict(frozen=True, strict=True)

    epoch: int
    layers: list[dict[str, Any]]
    row: dict[str, int | float] | None = None
    graphed: bool = False
    histograms: list[Histogram] = []
    start: Start | None = None
    attempt: dict[str, Any] | None = None
    diverged: str | None = None


History = Sequence[HistoryEntry]
_HISTORY = TypeAdapter(list[HistoryEntry])


def to_plain(history: History) -> list[dict[str, Any]]:
    """Return a history as the plain values that a checkpoint may hold."""
    return [entry.model_dump(exclude_unset=True) for entry in history]


def from_plain(saved: object, epochs: int) -> list[HistoryEntry]:
    """Return the history that ``to_plain`` gave, of a trial of so many whole ``epochs``.

    Raises ``ValueError``, or what reading raises, unless it gives all tables of a record.
    """
    history = _HISTORY.validate_python(saved)
    rows = epoch_rows(history)
    if len(rows) != epochs:
        raise ValueError(f"the history is of {len(rows)} epochs, expected {epochs}")
    table_bytes(rows, EPOCH_COLUMNS)
    table_bytes(scale_rows(history), SCALE_COLUMNS)
    table_bytes(histogram_rows(history), HISTOGRAM_COLUMNS)
    alarms(history)
    return history


def start_entry(model: nn.Module, start: Start | None) -> HistoryEntry:
    """Return the history's first entry: scales before the first step, error of the parent."""
    return HistoryEntry(
        epoch=0,
        layers=Observation(model).end_epoch(stepped=False),
        histograms=histograms(model),
        start=start,
    )


def attempt_entry(
    state: TrainingState, number: int, settings: RunSettings, *, anew: bool
) -> HistoryEntry:
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
    return HistoryEntry(epoch=state.epoch, layers=[], attempt=attempt)


def epoch_entry(
    result: EpochResult, observation: Observation, *, with_histograms: bool
) -> HistoryEntry:
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
    for split, evaluation in (("validation", result.validation), ("test", result.test)):
        if evaluation.top5_error_percent is not None:
            row[f"{split}_top5_error_percent"] = evaluation.top5_error_percent
    return HistoryEntry(
        epoch=result.epoch,
        layers=observation.end_epoch(),
        row=row,
        graphed=result.graphed,
        histograms=histograms(observation.model) if with_histograms else [],
    )


def epoch_rows(history: History) -> list[dict[str, Any]]:
    """Return the rows of ``epochs.parquet``."""
    return [entry.row for entry in history if entry.row is not None]


def scale_rows(history: History) -> list[dict[str, Any]]:
    """Return the rows of ``scales.parquet`` (none for full precision)."""
    return [
        {**dict.fromkeys(SCALE_COLUMNS), "epoch": entry.epoch, **layer}  # older ones lack some
        for entry in history
        for layer in entry.layers
    ]


def histogram_rows(history: History) -> list[dict[str, Any]]:
    """Return the rows of ``histograms.parquet``."""
    return [
        {
            "epoch": entry.epoch, "layer_index": index, "layer": histogram.layer,
            "reach": histogram.reach, "bins": len(histogram.counts), "bin": number, "count": count,
        }
        for entry in history
        for index, histogram in enumerate(entry.histograms)
        for number, count in enumerate(histogram.counts)
    ]  # fmt: skip


def alarms(history: History) -> list[Alarm]:
    """Return each alarm of each layer once, with the first epoch at which it was seen."""
    first_seen: dict[tuple[str, str | None], int] = {}
    for entry in history:
        for layer in entry.layers:
            wrong = list(layer.get("alarms", ()))
            residue = layer.get("gauge_residue")
            if residue is not None and not residue <= LARGEST_RESIDUE:  # not a number, too
                wrong.append("gradients of the scales do not cancel before batch normalisation")
            for what in wrong:
                first_seen.setdefault((what, layer["layer"]), entry.epoch)
        if entry.diverged is not None:
            first_seen.setdefault((f"non-finite loss: {entry.diverged}", None), entry.epoch)
    return [Alarm(what=what, layer=layer, epoch=at) for (what, layer), at in first_seen.items()]


def _size_alarms(gauge: Gauge | None, epoch: int) -> list[Alarm]:
    """Return the alarm of scales whose size ``gauge`` does not explain, if there are such."""
    if gauge is None or gauge.ratio_low is None or gauge.ratio_high is None:
        return []
    if 1 / SIZE_BOUND <= gauge.ratio_low <= gauge.ratio_high <= SIZE_BOUND:
        return []
    what = "the scales' size is not what decay and steps explain"
    return [Alarm(what=what, layer=None, epoch=epoch)]


def make_record(
    spec: TrialSpec,
    state: TrainingState,
    history: History,
    outcome: Literal["finished", "diverged"],
    *,
    settings: RunSettings,
    images: Images,
    steps_per_epoch: int,
    earlier_ends: dict[str, str],
) -> TrialRecord:
    """Return the record of a trial that finished or diverged."""
    rows, scales = epoch_rows(history), scale_rows(history)
    layers = layer_statistics(state.model)
    gauge = gauge_check(scales, spec.recipe, steps_per_epoch, as_printed=_as_printed(spec))
    return TrialRecord(
        schema_version=SCHEMA_VERSION,
        trial_id=spec.trial_id,
        outcome=outcome,
        spec=spec.resolved(),
        errors=None if outcome == "diverged" else summarise_errors(rows),
        start=next((entry.start for entry in history if entry.start), None),
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
            "graphed_epochs": sum(entry.graphed for entry in history),
            "attempts": [entry.attempt for entry in history if entry.attempt],
            "earlier_attempts_ended": earlier_ends,
            "ended": datetime.now(UTC).isoformat(timespec="seconds"),
            "pixels_sha256": images.pixels_sha256,
            "pixel_mean": images.mean,
            "pixel_deviation": images.deviation,
            **_class_list(images),
        },
        provenance=collect_provenance(settings.arithmetic),
        table_sha256={},
        alarms=(*alarms(history), *_size_alarms(gauge, state.epoch)),
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
