"""Compares a record with its own tables: every number in it that follows from them.

What follows from the trained network alone (parameters, alarms, the self-check) is not compared.
"""

import io
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ttq_bench.errors import ResultsError
from ttq_bench.records.foreign_files import is_own_name
from ttq_bench.records.paths import TrialPaths
from ttq_bench.records.schema import TrialRecord, summarise_errors
from ttq_bench.records.seal import SEAL
from ttq_bench.records.store import read_table

# Python 3.12 sums floats with fewer rounding errors than 3.11: a mean may differ in its last bits.
TOLERANCE = 1e-9

ALARMS_SINCE = 2  # a version of the schema
NOT_POSITIVE = "scale that is not positive"

Row = Mapping[str, Any]
Compared = tuple[str, Any, Any]  # place, what stands there, what should


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that does not follow from the records; ``place`` is empty for a whole file."""

    file: str
    place: str
    what: str

    def __str__(self) -> str:
        return ": ".join(filter(None, (self.file, self.place, self.what)))


def unequal(file: str, place: str, value: Any, expected: Any) -> Difference:
    """Return the difference between the value in a place and the one that the records give."""
    return Difference(file, place, f"{value!r} stands there, the records give {expected!r}")


def record_differences(
    paths: TrialPaths, record: TrialRecord, *, per_channel: bool = False
) -> list[Difference]:
    """Return all places where the record and its tables disagree.

    ``per_channel``: the tables hold means over the scales of output channels, from which rho does
    not follow; it is not compared.
    """
    folder = f"trials/{paths.trial_id}"
    contents, changed = _read_tables(paths, record.table_sha256)
    if changed:
        return changed  # numbers of other files say nothing about this record
    epochs, scales = (
        table_rows(contents.get(name)) for name in ("epochs.parquet", "scales.parquet")
    )
    compared = {
        "record.json": _record_values(record, epochs, scales),
        "epochs.parquet": _epoch_values(epochs),
        "scales.parquet": [
            *_scale_values(scales, len(epochs), per_channel=per_channel),
            *_alarm_values(record, scales),
        ],
    }
    return [
        unequal(f"{folder}/{name}", place, value, expected)
        for name, values in compared.items()
        for place, value, expected in values
        if not _agree(value, expected)
    ]


def _read_tables(
    paths: TrialPaths, names: Collection[str]
) -> tuple[dict[str, bytes], list[Difference]]:
    """Return the tables by name, and the files that the seal does not vouch for."""
    folder = f"trials/{paths.trial_id}"
    contents, changed = {}, []
    for name in names:
        try:
            contents[name] = read_table(paths, name)
        except ResultsError as error:
            what = str(error).removeprefix(f"{paths.folder / name}: ")
            changed.append(Difference(f"{folder}/{name}", "", what))
    for path in sorted(paths.folder.iterdir()):
        if path.name not in (SEAL, "record.json", *names) and is_own_name(path.name):
            changed.append(Difference(f"{folder}/{path.name}", "", "should not be there"))
    return contents, changed


def table_rows(content: bytes | None) -> list[Row]:
    """Return the rows of a Parquet file, none where there is no such table."""
    import pyarrow.parquet  # 0.2 s that a plan over records does not need

    if content is None:
        return []
    # With threads, 9 of 55 processes that ended soon after this were killed by SIGABRT: the pool of
    # threads is still at work when the interpreter ends (github.com/apache/arrow/issues/34314).
    table = pyarrow.parquet.read_table(io.BytesIO(content), use_threads=False)
    rows: list[Row] = table.to_pylist()
    return rows


def _record_values(
    record: TrialRecord, epochs: Sequence[Row], scales: Sequence[Row]
) -> Iterator[Compared]:
    finished = record.outcome == "finished"
    yield "epochs_done", record.epochs_done, len(epochs)
    if finished:
        yield "epochs_done", record.epochs_done, record.spec.get("recipe", {}).get("epochs")
    yield "training_seconds", record.training_seconds, sum(row["epoch_seconds"] for row in epochs)
    summary = summarise_errors([dict(row) for row in epochs]) if finished else None
    expected = summary.model_dump() if summary else {}
    recorded = record.errors.model_dump() if record.errors else {}
    for name in recorded | expected:
        yield f"errors.{name}", recorded.get(name), expected.get(name)
    if finished:  # a diverged network's was counted after the last row was written
        yield "sparsity", record.sparsity, _sparsity(scales)


def _sparsity(scales: Sequence[Row]) -> float | None:
    """Return the share of zeros over all quantized weights at the last epoch, None without any."""
    last = [row for row in scales if row["epoch"] == scales[-1]["epoch"]]
    total = sum(row["weight_count"] for row in last)
    return sum(row["zero_share"] * row["weight_count"] for row in last) / total if total else None


def _epoch_values(epochs: Sequence[Row]) -> Iterator[Compared]:
    for number, row in enumerate(epochs, start=1):
        yield f"row {number}, epoch", row["epoch"], number


def _scale_values(
    scales: Sequence[Row], epochs_done: int, *, per_channel: bool
) -> Iterator[Compared]:
    if scales:
        yield "last epoch", scales[-1]["epoch"], epochs_done
    for row in scales:
        place = f"epoch {row['epoch']}, layer {row['layer']}"
        shares = row["positive_share"] + row["zero_share"] + row["negative_share"]
        yield f"{place}, sum of shares", shares, 1.0
        if not per_channel:
            yield f"{place}, rho", row["rho"], _rho(row["positive_scale"], row["negative_scale"])


def _alarm_values(record: TrialRecord, scales: Sequence[Row]) -> Iterator[Compared]:
    """Yield each layer with a scale that is not positive and no alarm about it in the record."""
    if record.schema_version < ALARMS_SINCE:
        return
    alarmed = {alarm.layer for alarm in record.alarms if alarm.what == NOT_POSITIVE}
    for row in scales:
        smallest = min(row["positive_scale"], row["negative_scale"])
        if not smallest > 0 and row["zero_share"] < 1 and row["layer"] not in alarmed:
            place = f"epoch {row['epoch']}, layer {row['layer']}, smallest scale"
            yield place, smallest, "one above zero, or an alarm"


def _rho(positive_scale: float, negative_scale: float) -> float:
    both = positive_scale > 0 and negative_scale > 0
    return math.log(positive_scale / negative_scale) if both else math.nan


def _agree(value: Any, expected: Any) -> bool:
    if not isinstance(value, int | float) or not isinstance(expected, int | float):
        return bool(value == expected)
    try:
        if math.isnan(expected):
            return math.isnan(value)
        return math.isclose(value, expected, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    except OverflowError:  # a whole number that no float holds
        return value == expected
