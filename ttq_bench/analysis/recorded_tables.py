"""Reading and checking the Parquet tables of records: known columns, possible values and sizes.

Their hash shows only that they were not changed since they were recorded, by whoever did that.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pydantic
from numpy.typing import NDArray
from pyarrow import parquet

from ttq_bench.analysis.recorded import MOST_RHO, layer_name
from ttq_bench.errors import ResultsError
from ttq_bench.records.paths import ResultsPaths, TrialPaths
from ttq_bench.records.reported_spec import MOST
from ttq_bench.records.schema import OPTIONAL_COLUMNS, TABLES, TOP5_COLUMNS, first_problem
from ttq_bench.records.store import read_table
from ttq_bench.text import one_line

MOST_ROWS = 1_000_000  # 400 epochs of 200 layers have 80,000
MOST_TABLE_BYTES = 1 << 28
TRIALS_AT_ONCE = 500
NAMES = ("layer", "feeds_batch_norm")  # columns of text
WHOLE = ("epoch", "layer_index", "weight_count", "bins", "bin", "count", "code_flips")
LARGEST = float(np.finfo("float32").max)  # a diverging network gets there
MAY_BE_EMPTY = ("code_flips", "gauge_residue", "scale_path", "rho", "test_loss", "threshold")
MOST_LAYERS = 1_000  # of the deepest network here 112
# Columns in which no two rows of a table agree.
KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "epochs.parquet": ("epoch",),
        "scales.parquet": ("epoch", "layer_index"),
        "histograms.parquet": ("epoch", "layer_index", "bin"),
    }
)
# Records of older versions lack these.
ADDED_COLUMNS = frozenset({"code_flips", "gauge_residue", "scale_path"})
Keep = Callable[[NDArray[Any]], NDArray[np.bool_]]


def checked_table(paths: TrialPaths, name: str) -> pd.DataFrame:
    """Return a table of a record; ``ResultsError`` for one that no trial can have written."""
    frame = _frame(_read(paths, name))
    alone = np.zeros(len(frame), dtype=int)
    if reason := _unfit_values(frame) or _unfit_rows(frame, alone, name):
        raise ResultsError(f"{paths.folder / name}: not a table of a record ({reason})")
    return frame


def joined_tables(
    results: ResultsPaths, trial_ids: Sequence[str], name: str, keep: Keep | None = None
) -> pd.DataFrame:
    """Return a table of many records as one, after a column ``trial_id``.

    ``keep`` returns from a trial's column ``layer_index`` which of its rows are kept. Columns of
    text are categories, and an empty column is one of numbers. Raises as ``checked_table`` does.
    Values of ``TRIALS_AT_ONCE`` trials are checked together, in a third of the time.
    """
    parts = []
    for first in range(0, len(trial_ids), TRIALS_AT_ONCE):
        some = trial_ids[first : first + TRIALS_AT_ONCE]
        tables = [_read(results.trial(trial_id), name) for trial_id in some]
        frame = _frame(pyarrow.concat_tables(tables, promote_options="permissive"))
        codes = np.repeat(np.arange(first, first + len(some)), [len(table) for table in tables])
        if _unfit_values(frame) or _unfit_rows(frame, codes, name):
            for trial_id in some:
                checked_table(results.trial(trial_id), name)  # raises, and names the file
            raise ResultsError(f"{results.trials}: changed while it was read; run it again")
        names = pd.Categorical.from_codes(codes, pd.Index(trial_ids))
        frame.insert(0, "trial_id", pd.Series(names))
        if keep is not None:
            shown = [keep(table["layer_index"].to_numpy()) for table in tables]
            frame = frame[np.concatenate(shown)]
        if len(frame):  # a trial that diverged in its first epoch has no row
            parts.append(frame)
    if not parts:
        return pd.DataFrame()
    joined = pd.concat(parts, ignore_index=True)
    return joined.astype({name: "category" for name in NAMES if name in joined})


def _read(paths: TrialPaths, name: str) -> pyarrow.Table:
    """Return a table with its columns in the usual types, before its values are checked."""
    path = paths.folder / name
    source = pyarrow.BufferReader(read_table(paths, name))
    try:
        opened = parquet.ParquetFile(source)
        if reason := _unfit(opened, name):
            raise ResultsError(f"{path}: not a table of a record ({reason})")
        # Names are read as a dictionary until their length is checked: many rows may share one.
        texts = [column for column in opened.schema_arrow.names if column in NAMES]
        if texts:
            opened = parquet.ParquetFile(source, read_dictionary=texts)
        # Threads of pyarrow abort some short processes at their end (apache/arrow#34314).
        table = opened.read(use_threads=False).replace_schema_metadata(None)
        usual = [_usual_type(field) for field in table.schema]
        if table.schema.types != usual:
            table = table.cast(pyarrow.schema(list(zip(table.column_names, usual, strict=True))))
        return table
    except (pyarrow.ArrowException, OSError) as error:
        reason = one_line(str(error), 200)
        raise ResultsError(f"{path}: cannot be read as Parquet ({reason})") from error


def _usual_type(field: pyarrow.Field) -> pyarrow.DataType:
    if field.name in NAMES:
        return pyarrow.dictionary(pyarrow.int32(), pyarrow.string())
    return pyarrow.int64() if pyarrow.types.is_integer(field.type) else pyarrow.float64()


def _frame(table: pyarrow.Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas(use_threads=False)
    return frame


def _unfit_values(frame: pd.DataFrame) -> str:
    """Return why the values cannot be those of a record, empty if they can."""
    try:
        for column in set(NAMES) & set(frame.columns):
            for text in frame[column].cat.categories:
                layer_name(text)
    except pydantic.ValidationError as error:
        return first_problem(error)
    needed = [n for n in frame if n not in MAY_BE_EMPTY and n not in TOP5_COLUMNS]
    if empty := [n for n in needed if frame[n].isna().any()]:
        return f"column {empty[0]!r} has empty rows"
    numbers = frame.select_dtypes("number")
    ends = {str(name): (numbers[name].min(), numbers[name].max()) for name in numbers}
    if any(math.isinf(end) for both in ends.values() for end in both):
        return "an infinite number"
    for name, (lowest, highest) in ends.items():
        least, most = _span(name)
        if lowest < least or highest > most:  # NaN, of an empty column, is neither
            return f"a number in column {name!r} that is not between {least:g} and {most:g}"
    return ""


def _unfit_rows(frame: pd.DataFrame, trials: NDArray[np.int64], table: str) -> str:
    """Return why the rows cannot be those of records, empty if they can.

    ``trials`` numbers the trial of each row. Every layer has a name and a number of its own, and a
    row for each epoch; a histogram has all its bins.
    """
    if any((frame[name] % 1 != 0).any() for name in set(WHOLE) & set(frame) - {"code_flips"}):
        return "a number that has to be whole is not"
    rows = frame[[name for name in KEYS[table] if name in frame]].assign(trial=trials)
    if rows.duplicated().any():
        return "duplicate rows"
    if table == "epochs.parquet" or frame.empty:
        return ""
    names = rows[["trial", "layer_index"]].assign(layer=frame["layer"]).drop_duplicates()
    if (
        names.duplicated(["trial", "layer_index"]).any()
        or names.duplicated(["trial", "layer"]).any()
    ):
        return "two layers have the same name or number"
    layers = names.groupby("trial").size()
    if layers.max() > MOST_LAYERS:
        return f"{layers.max():,} layers, more than {MOST_LAYERS:,}"
    if table == "histograms.parquet":
        bins = rows.assign(bins=frame["bins"]).groupby(["trial", "epoch", "layer_index"])["bins"]
        numbers = bins.agg(["min", "max", "size"])
        is_beyond = rows["bin"] >= frame["bins"]
        is_whole = numbers["min"].eq(numbers["size"]) & numbers["max"].eq(numbers["size"])
        ok = is_whole.all() and not is_beyond.any()
        return "" if ok else "a histogram without some of its bins"
    epochs = rows.groupby("trial")["epoch"]
    if (epochs.nunique() * layers != epochs.size()).any():
        return "a layer without some of its epochs"
    return ""


def _span(column: str) -> tuple[float, float]:
    """Return the smallest and the largest value that a column can have."""
    if column in WHOLE:
        return 0, MOST
    if column.endswith("_percent"):
        return 0, 100
    if column.endswith("_share"):
        return 0, 1
    return (-MOST_RHO, MOST_RHO) if column == "rho" else (-LARGEST, LARGEST)


def _unfit(opened: parquet.ParquetFile, name: str) -> str:
    """Return why the size and the columns cannot be those of ``name``, empty if they can."""
    metadata, schema = opened.metadata, opened.schema_arrow
    size = sum(metadata.row_group(n).total_byte_size for n in range(metadata.num_row_groups))
    if not 0 <= metadata.num_rows <= MOST_ROWS or not 0 <= size <= MOST_TABLE_BYTES:
        return f"{metadata.num_rows:,} rows of {size:,} bytes in all"
    if not metadata.num_rows and name != "epochs.parquet":
        return "no rows"
    allowed = TABLES[name] + OPTIONAL_COLUMNS.get(name, ())
    if unknown := [n for n in schema.names if n not in allowed]:
        return f"unknown column {one_line(unknown[0], 80)!r}"
    if len(set(schema.names)) < len(schema.names):
        return "duplicate columns"
    missing = set(TABLES[name]) - set(schema.names) - ADDED_COLUMNS
    if missing and metadata.num_rows:
        return f"no column {min(missing)!r}"
    for field in schema:
        kind, types = field.type, pyarrow.types
        is_number = types.is_integer(kind) or types.is_floating(kind)
        fits = types.is_string(kind) if field.name in NAMES else is_number
        empty = types.is_null(kind) and (field.name in ADDED_COLUMNS or not metadata.num_rows)
        if not fits and not empty:
            return f"column {field.name!r} holds {kind}"
    return ""
