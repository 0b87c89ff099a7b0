"""Records and probes as they may be read: of the right form, whoever wrote them.

What is shown of a record's spec is checked in ``records/reported_spec.py``, all else here: names
are names, numbers are numbers.
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
    """As far as an older record is compared with its own tables."""

    conversion: dict[str, Any] | None = None


class OlderSpec(BaseModel):
    """As far as an older record is compared with its own tables."""

    recipe: dict[str, Any] = {}
    quantization: OlderQuantization | None = None


class ShownRun(BaseModel):
    """What the report reads of how a trial was run."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    device_name: Words | None = None
    threads: Number | None = None
    backend: Words | None = None
    pixels_sha256: Words | None = None


def checked_records(results: ResultsPaths) -> list[TrialRecord]:
    """Return every record of a results folder; ``ResultsError`` for one of another form."""
    look_over(results.root)
    with _without_collection():
        records = list(read_records(results))
        for record in records:
            check_record(results, record)
    return records


@contextmanager
def _without_collection() -> Iterator[None]:
    """Look for no garbage meanwhile: records hold no cycles, and a sixth of the time goes there."""
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
    started = [record.start.test_error_percent] if record.start else []
    told = [value for name, value in errors.items() if name.endswith("_percent")]
    return started + [value for value in told if value is not None]


def checked_probes(
    results: ResultsPaths, records: Mapping[str, TrialRecord], probes: Iterable[Probe]
) -> list[Probe]:
    """Return the probes of ``records``, which are by trial id.

    ``ResultsError`` for one whose layers or kernels cannot be shown, or of other weights than those
    its record tells of.
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
        if not _is_possible(probe):
            raise ResultsError(f"{path}: not a probe (an error, a ratio or a time that cannot be)")
        names = [layer.layer for layer in probe.symmetrised] + list(probe.not_symmetrised)
        try:
            for name in names:
                layer_name(name)
        except pydantic.ValidationError as error:
            raise ResultsError(f"{path}: not a probe ({first_problem(error)})") from error
        kernels = probe.kernels
        if kernels is not None and not (
            len(kernels.shape) == KERNEL_SIDES
            and min(kernels.shape) > 0
            and math.prod(kernels.shape) == len(kernels.codes)
            and set(kernels.codes) <= set("+0-")
            and _LAYER.validate_python(kernels.layer)
        ):
            raise ResultsError(f"{path}: not a probe (kernels that are not of their shape)")
    return probes


def _is_possible(probe: Probe) -> bool:
    errors = [
        probe.as_trained_error_percent,
        probe.reestimated_error_percent,
        probe.all_symmetrised_error_percent or 0.0,
        *(layer.test_error_percent for layer in probe.symmetrised),
    ]
    return (
        all(0 <= error <= 100 for error in errors)  # noqa: PLR2004
        and all(abs(layer.rho) <= MOST_RHO for layer in probe.symmetrised)
        and 0 <= probe.seconds < MOST
    )


def layer_name(name: object) -> str:
    """Return the name of a layer; ``pydantic.ValidationError`` if it is none."""
    return str(_LAYER.validate_python(name))
