"""Parquet files in the usual hub layout, and their labels; no image is read here.

Hub layout: a column of structs with a ``bytes`` field, and an integer column of labels.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow
from pyarrow import compute, parquet

from ttq_bench.data.sources import Source
from ttq_bench.errors import DataError
from ttq_bench.text import one_line

LABEL_COLUMNS = ("label", "labels", "fine_label")
MOST_COLUMN_BYTES = 2 << 30  # unpacked, of one file; all of CIFAR-10 has 0.14 billion
SHOWN_COLUMNS = 10


def open_parquet(path: Path, as_dictionary: str | None = None) -> parquet.ParquetFile:
    """Return a Parquet file of sane size; ``DataError`` for anything else."""
    if not path.is_file():
        raise DataError(f"{path}: is not a file")
    try:
        opened = parquet.ParquetFile(path, read_dictionary=[as_dictionary] * bool(as_dictionary))
    except (pyarrow.ArrowException, OSError) as error:
        raise unreadable(path, error) from error
    metadata = opened.metadata
    sizes = (
        metadata.row_group(group).column(column).total_uncompressed_size
        for group in range(metadata.num_row_groups)
        for column in range(metadata.num_columns)
    )
    if metadata.num_rows < 0 or not 0 <= sum(sizes) <= MOST_COLUMN_BYTES:
        raise DataError(f"{path}: says that it holds more than {MOST_COLUMN_BYTES:,} bytes")
    return opened


def image_columns(path: Path, schema: pyarrow.Schema) -> tuple[str, str]:
    """Return the names of the columns of images and labels; ``DataError`` without either."""
    names = list(schema.names)
    kinds = {field.name: field.type for field in schema if names.count(field.name) == 1}
    images = [name for name, kind in kinds.items() if _holds_bytes(kind)]
    labels = [n for n in LABEL_COLUMNS if n in kinds and pyarrow.types.is_integer(kinds[n])]
    if not images or not labels:
        more = ", ..." if len(names) > SHOWN_COLUMNS else ""
        raise DataError(
            f"{path}: columns are {', '.join(names[:SHOWN_COLUMNS])}{more}; expected an image"
            " column of structs with 'bytes' and whole numbers in one of"
            f" {', '.join(LABEL_COLUMNS)}{_other_bytes(kinds)}"
        )
    return images[0], labels[0]


def _other_bytes(kinds: Mapping[str, pyarrow.DataType]) -> str:
    """Return a clause on structs whose ``bytes`` are of another type, such as paths alone."""
    clauses = (
        f"; 'bytes' of {one_line(name, 40)!r} are {one_line(str(inner), 40)}, not binary"
        for name, kind in kinds.items()
        if (inner := _kind_of_bytes(kind)) is not None and not _holds_bytes(kind)
    )
    return next(clauses, "")


def _holds_bytes(kind: pyarrow.DataType) -> bool:
    inner, types = _kind_of_bytes(kind), pyarrow.types
    forms = (types.is_binary, types.is_large_binary, types.is_binary_view)
    return inner is not None and any(is_form(inner) for is_form in forms)


def _kind_of_bytes(kind: pyarrow.DataType) -> pyarrow.DataType | None:
    """Return the type of the field ``bytes`` of a struct, None for other columns."""
    place = kind.get_field_index("bytes") if pyarrow.types.is_struct(kind) else -1
    return kind.field(place).type if place >= 0 else None


def row_count(paths: Sequence[Path]) -> int:
    """Return the number of rows that Parquet files say they have."""
    return sum(open_parquet(path).metadata.num_rows for path in paths)


def read_labels(path: Path, opened: parquet.ParquetFile) -> pyarrow.ChunkedArray:
    """Return the column of labels of an opened Parquet file; ``DataError`` without one."""
    _, label = image_columns(path, opened.schema_arrow)
    try:
        return opened.read([label], use_threads=False).column(label)
    except (pyarrow.ArrowException, OSError) as error:
        raise unreadable(path, error) from error


def class_count(source: Source) -> int:
    """Return how many classes the training images of Parquet files have, by their largest label."""
    labels = (read_labels(path, open_parquet(path)) for path in source.train)
    return 1 + max(compute.max(part).as_py() or 0 for part in labels)


def class_names(path: Path, labels: int) -> list[str]:
    """Return the classes that a file of the hub names, or else the numbers of its labels."""
    try:
        metadata = open_parquet(path).schema_arrow.metadata or {}
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        classes = next(f["names"] for f in features.values() if f.get("_type") == "ClassLabel")
        names = [str(name) for name in classes]
    except (KeyError, ValueError, TypeError, AttributeError, StopIteration):
        names = []
    return names if len(names) >= labels else [str(number) for number in range(labels)]


def check_labels(source: Source, classes: int) -> None:
    """Raise ``DataError`` for a row of Parquet files whose label is not from 0 to classes - 1."""
    for path in source.train + source.test:
        labels = read_labels(path, open_parquet(path))
        limits = compute.min_max(labels).as_py()
        low, high = limits["min"] or 0, limits["max"] or 0
        if labels.null_count or low < 0 or high >= classes:
            empty = ""
            if labels.null_count:
                first = compute.index(compute.is_null(labels), True).as_py()
                empty = f", {labels.null_count:,} rows have none, first row {first}"
            raise DataError(
                f"{path}: labels run from {low} to {high}{empty}; {source.dataset} has 0 to"
                f" {classes - 1}: take the file away or give it its labels"
            )


def has_labels(path: Path) -> bool:
    """Return whether a Parquet file holds images with labels: test splits often have -1 or none."""
    opened = open_parquet(path)
    try:
        image_columns(path, opened.schema_arrow)
    except DataError:
        return False
    largest = compute.max(read_labels(path, opened)).as_py()
    return largest is None or largest >= 0


def unreadable(path: Path, error: Exception) -> DataError:
    """Return the error for a file that is damaged, or no Parquet file."""
    reason = (str(error).splitlines() or [""])[0]
    return DataError(f"{path}: cannot be read as Parquet ({reason}); fetch it again")
