"""Checks of records and probes before they are shown, because anybody may have written them.

The fields of a spec are checked in ``records/reported_spec.py``, all others here: names are names,
numbers are numbers in their range.
"""

import gc
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import pydantic
from pydantic import BaseModel, ConfigDict, Field

from ttq_bench.errors import ResultsError
from ttq_bench.foreign_folders import look_over
from ttq_bench.records.other_versions import is_current
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.probes import LARGEST_DIFFERENCE_PERCENT, Probe
from ttq_bench.records.reported_spec import MOST, Number, Words
from ttq_bench.records.schema import TABLES, TrialRecord, first_problem
from ttq_bench.records.store import read_records
from ttq_bench.text import one_line

Layer = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.]+$", max_length=100)]
MOST_RHO = 400.0  # |ln| of a ratio of two numbers of float32 is below 200
KERNEL_SIDES = 4
_LAYER = pydantic.TypeAdapter(Layer)


class OlderQuantization(BaseModel):
    """What ``verify`` reads of the quantization of an older record."""

    conversion: dict[str, Any] | None = None


class OlderSpec(BaseModel):
    """What ``verify`` reads of the spec of an older record."""

    recipe: dict[str, Any] = {}
    quantization: OlderQuantization | None = None


class ShownRun(BaseModel):
    """What the report shows of how a trial was run."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    device_name: Words | None = None
    threads: Number | None = None
    backend: Words | None = None
    pixels_sha256: Words | None = None


def checked_records(results: ResultsPaths) -> list[TrialRecord]:
    """Return every record of a results folder; ``ResultsError`` for one that cannot be shown."""
    look_over(results.root)
    with _without_collection():
        records = list(read_records(results))
        for record in records:
            check_record(results, record)
    return records


@contextmanager
def _without_collection() -> Iterator[None]:
    """Switch garbage collection off: records hold no cycles, and it takes a sixth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def check_record(results: ResultsPaths, record: TrialRecord) -> None:
    """Raise ``ResultsError`` for a record that the report cannot show."""
    if reason := _why_not_shown(record):
        raise ResultsError(f"{results.trial(record.trial_id).record}: not a record ({reason})")


def _why_not_shown(record: TrialRecord) -> str:
    """Return why the report cannot show a record, empty if it can."""
    if type(record.spec.get("training_version", 0)) is not int:
        return "training_version is no whole number"
    try:
        if not is_current(record):  # left out of everything; only `verify` looks into it
            OlderSpec.model_validate(record.spec)
            return ""
        spec = record.reported_spec
        ShownRun.model_validate(record.run)
        for alarm in record.alarms:
            layer_name(alarm.layer or "none")
    except pydantic.ValidationError as error:
        return first_problem(error)
    layers = record.gauge.layers if record.gauge else 0
    amounts = (record.epochs_done, record.parameter_count, layers, record.training_seconds)
    if not all(0 <= amount < MOST for amount in amounts) or not 0 <= (record.sparsity or 0) <= 1:
        return "a count, a share or a time that cannot be"
    if not all(0 <= error <= 100 for error in _errors_percent(record)):  # noqa: PLR2004
        return "an error that is not between 0 and 100 %"
    if (record.errors is None) != (record.outcome == "diverged"):
        return "finished without errors, or diverged with them"
    if spec.parent == record.trial_id:
        return "it is its own parent"
    if unknown := set(record.table_sha256) - set(TABLES):
        return f"unknown table {one_line(min(unknown), 80)!r}"
    return ""


def _errors_percent(record: TrialRecord) -> list[float]:
    errors = record.errors.model_dump() if record.errors else {}
    at_start = [record.start.test_error_percent] if record.start else []
    values = [value for name, value in errors.items() if name.endswith("_percent")]
    return at_start + [value for value in values if value is not None]


def checked_probes(
    results: ResultsPaths, records: Mapping[str, TrialRecord], probes: Iterable[Probe]
) -> list[Probe]:
    """Return the probes of ``records``, which are by trial id.

    ``ResultsError`` for a probe that the report cannot show, or of other weights than those of its
    record.
    """
    probes = [probe for probe in probes if probe.trial_id in records]
    for probe in probes:
        path = results.trial(probe.trial_id).probe
        errors = records[probe.trial_id].errors
        recorded = errors.final_percent if errors else probe.as_trained_error_percent
        if not abs(probe.as_trained_error_percent - recorded) <= LARGEST_DIFFERENCE_PERCENT:
            raise ResultsError(
                f"{path}: not a probe of its record's weights (a test error of"
                f" {probe.as_trained_error_percent:.2f} %, recorded {recorded:.2f} %); delete it"
                " and run `ttq-bench probe` again"
            )
        if reason := _why_probe_not_shown(probe):
            raise ResultsError(f"{path}: not a probe ({reason})")
    return probes


def _why_probe_not_shown(probe: Probe) -> str:
    """Return why the report cannot show a probe, empty if it can."""
    kernels, healing = probe.kernels, probe.healing
    errors = [
        probe.as_trained_error_percent,
        probe.reestimated_error_percent,
        probe.all_symmetrised_error_percent or 0.0,
        *(layer.test_error_percent for layer in probe.symmetrised),
        *(moved.test_error_percent for moved in probe.moved),
        *([healing.as_trained_error_percent, healing.equal_error_percent] if healing else []),
    ]
    changes = [layer.rho for layer in probe.symmetrised]
    changes += [moved.rms_change for moved in probe.moved]
    if (
        any(not 0 <= error <= 100 for error in errors)  # noqa: PLR2004
        or any(abs(change) > MOST_RHO for change in changes)
        or not 0 <= probe.seconds < MOST
    ):
        return "an error, a ratio or a time that cannot be"
    names = [layer.layer for layer in probe.symmetrised] + list(probe.not_symmetrised)
    try:
        for name in [*names, kernels.layer] if kernels else names:
            layer_name(name)
    except pydantic.ValidationError as error:
        return first_problem(error)
    if kernels is not None and not (
        len(kernels.shape) == KERNEL_SIDES
        and min(kernels.shape) > 0
        and math.prod(kernels.shape) == len(kernels.codes)
        and set(kernels.codes) <= set("+0-")
    ):
        return "kernels that do not fit their shape"
    return ""


def layer_name(name: object) -> str:
    """Return the name of a layer; ``pydantic.ValidationError`` if it is none."""
    return str(_LAYER.validate_python(name))
