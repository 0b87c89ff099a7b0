"""What a record says. Errors are in percent, times in seconds, losses in nats."""

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self

import pydantic
from pydantic import BaseModel, ConfigDict, Field

from ttq_bench.records.reported_spec import ReportedSpec
from ttq_bench.spec.trial import TrialSpec
from ttq_bench.text import one_line

# 2: code flips, gauge, alarms, histograms; older records lack them. 3: top-5 errors, of ImageNet.
SCHEMA_VERSION = 3
MOVING_AVERAGE_EPOCHS = 20

EPOCH_COLUMNS = (
    "epoch", "learning_rate", "train_loss", "validation_error_percent", "validation_loss",
    "test_error_percent", "test_loss", "epoch_seconds",
)  # fmt: skip
TOP5_COLUMNS = ("validation_top5_error_percent", "test_top5_error_percent")
SCALE_COLUMNS = (
    "epoch", "layer_index", "layer", "weight_count", "positive_scale", "negative_scale", "rho",
    "positive_share", "zero_share", "negative_share", "threshold", "feeds_batch_norm",
    "code_flips", "gauge_residue", "scale_path",
)  # fmt: skip
# Latent weights in equal bins from -reach to +reach, the layer's largest magnitude.
HISTOGRAM_COLUMNS = ("epoch", "layer_index", "layer", "reach", "bins", "bin", "count")
# Columns that only some records have, behind the others.
OPTIONAL_COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType({"epochs.parquet": TOP5_COLUMNS})
TABLES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "epochs.parquet": EPOCH_COLUMNS,
        "scales.parquet": SCALE_COLUMNS,
        "histograms.parquet": HISTOGRAM_COLUMNS,
    }
)


Text = Annotated[str, Field(max_length=500)]


class Errors(BaseModel):
    """Test error under each way to read a run; only the last one looks at test images to choose.

    ``moving_average`` is the mean over the last ``moving_average_epochs`` epochs.
    ``minimum_over_test`` is what the released code reports; it is biased and feeds no verdict.
    ``final_top5`` is None where only the largest logit counts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    final_percent: float
    at_best_validation_percent: float
    best_validation_epoch: int
    moving_average_percent: float
    moving_average_epochs: int
    minimum_over_test_percent: float
    final_validation_percent: float
    final_top5_percent: float | None = None


class Start(BaseModel):
    """What a fine-tuned trial started from: its parent's weights, and their test error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    weights_sha256: str
    test_error_percent: float


class Alarm(BaseModel):
    """Something that should not be, with the epoch (0: the start) at which it was seen first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    what: Text
    layer: str | None
    epoch: int


class Gauge(BaseModel):
    """Self-checks over the layers that feed batch normalisation.

    ``largest_residue`` is the largest of the residues of an epoch in ``scales.parquet``. ``size``
    is the quantity that only weight decay and the length of steps may change. Over the training,
    decay alone multiplies it by ``predicted_factor`` (None: no prediction); the layers' own factors
    are from ``seen_low`` to ``seen_high``. ``ratio_low`` to ``ratio_high`` is the size at the end
    over what decay and steps together explain: 1, but for rounding and the rate's changes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    layers: int
    largest_residue: float | None
    size: Literal["W_p^2 + W_n^2", "W_p + W_n"]
    predicted_factor: float | None
    seen_low: float
    seen_high: float
    ratio_low: float | None = None
    ratio_high: float | None = None


class TrialRecord(BaseModel):
    """One finished trial. ``errors`` is None for a diverged one, whose loss became non-finite.

    ``start`` is None for a trial without a parent, and in records made before it was kept. ``spec``
    holds the fields as they were sealed, of whatever version; ``trial_spec`` and ``reported_spec``
    are these fields as values, each read once.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int
    trial_id: str
    outcome: Literal["finished", "diverged"]
    spec: dict[str, Any]
    errors: Errors | None
    start: Start | None = None
    sparsity: float | None
    parameter_count: int
    epochs_done: int
    training_seconds: float
    run: dict[str, Any]
    provenance: dict[Text, Text]
    table_sha256: dict[str, str]
    alarms: Annotated[tuple[Alarm, ...], Field(max_length=5_000)] = ()
    gauge: Gauge | None = None

    @cached_property
    def trial_spec(self) -> TrialSpec:
        """Return the spec as this version has it; ``ValueError`` where a field is not known here.

        For code that needs every field: to train, pack, name a trial or estimate its cost.
        """
        return TrialSpec.from_record(self.spec)

    @cached_property
    def reported_spec(self) -> ReportedSpec:
        """Return what a report shows of the spec, newer ones included.

        Raises ``pydantic.ValidationError`` for a spec that lacks one of these fields, or has a
        value that would do harm where it is shown.
        """
        return ReportedSpec.model_validate(self.spec)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with other fields, which reads its spec anew: pydantic copies the cache."""
        copied = super().model_copy(update=update, deep=deep)
        for name in ("trial_spec", "reported_spec"):
            copied.__dict__.pop(name, None)
        return copied


def summarise_errors(epochs: list[dict[str, Any]]) -> Errors | None:
    """Return the errors of a run from its rows of ``EPOCH_COLUMNS`` (None without any)."""
    if not epochs or not math.isfinite(epochs[-1]["train_loss"]):
        return None
    last = epochs[-MOVING_AVERAGE_EPOCHS:]
    # min() keeps the first of equals: the earliest of the best epochs.
    best = min(epochs, key=lambda row: row["validation_error_percent"])
    return Errors(
        final_percent=epochs[-1]["test_error_percent"],
        at_best_validation_percent=best["test_error_percent"],
        best_validation_epoch=best["epoch"],
        moving_average_percent=sum(row["test_error_percent"] for row in last) / len(last),
        moving_average_epochs=len(last),
        minimum_over_test_percent=min(row["test_error_percent"] for row in epochs),
        final_validation_percent=epochs[-1]["validation_error_percent"],
        final_top5_percent=epochs[-1].get("test_top5_error_percent"),
    )


def columns_of(table: str, rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the columns of a table: the usual ones, and optional ones that its first row has."""
    optional = OPTIONAL_COLUMNS.get(table, ())
    return TABLES[table] + tuple(name for name in optional if rows and name in rows[0])


def first_problem(error: pydantic.ValidationError) -> str:
    """Return the first problem with its field, on one line."""
    detail: Any = error.errors()[0]
    if detail["type"] == "json_invalid":
        return one_line(detail["msg"], 200)
    place = ".".join(map(str, detail["loc"]))
    return one_line(f"{place + ': ' if place else ''}{detail['msg']}, got {detail['input']!r}", 200)
