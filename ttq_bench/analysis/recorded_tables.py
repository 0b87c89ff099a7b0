"""The Parquet tables beside a record: of known columns, and of a size that fits into memory.

Their hash says only that they are the ones that were recorded, whoever recorded them.
"""

import io

import numpy as np
import pandas as pd
import pyarrow
import pydantic
from pyarrow import parquet

from ttq_bench.analysis.recorded import MOST, MOST_RHO, first_problem, layer_name
from ttq_bench.errors import ResultsError
from ttq_bench.records.paths import TrialPaths
from ttq_bench.records.schema import OPTIONAL_COLUMNS, TABLES
from ttq_bench.records.store import read_table
from ttq_bench.text import one_line

MOST_ROWS = 1_000_000  # 400 epochs of 200 layers have 80,000
MOST_TABLE_BYTES = 1 << 28
NAMES = ("layer", "feeds_batch_norm")  # columns of text
WHOLE = ("epoch", "layer_index", "weight_count", "bins", "bin", "count", "code_flips")
LARGEST = float(np.finfo("float32").max)  # a diverging network gets there
NEVER_EMPTY = ("epoch", "layer", "layer_index")
# Records of older versions lack these.
ADDED_COLUMNS = frozenset({"code_flips", "gauge_residue", "scale_path"})


def checked_table(paths: TrialPaths, name: str) -> pd.DataFrame:
    """Return a table of a record; ``ResultsError`` for one of other columns or of no sane size."""
    path = paths.folder / name
    content = read_table(paths, name)
    try:
        opened = parquet.ParquetFile(io.BytesIO(content))
        if reason := _unfit(opened, name):
            raise ResultsError(f"{path}: not a table of a record ({reason})")
        # Names stay a dictionary until they are measured: a long one may stand in many rows.
        texts = [column for column in opened.schema_arrow.names if column in NAMES]
        opened = parquet.ParquetFile(io.BytesIO(content), read_dictionary=texts)
        # Threads of pyarrow abort some short processes at their end (apache/arrow#34314).
        table = opened.read(use_threads=False).replace_schema_metadata(None)
        frame: pd.DataFrame = table.to_pandas(use_threads=False)
        for column in set(NAMES) & set(frame.columns):
            for text in frame[column].dropna().unique():
                layer_name(text)
            frame[column] = frame[column].astype(object)
        if reason := _unfit_values(frame):
            raise ResultsError(f"{path}: not a table of a record ({reason})")
    except pydantic.ValidationError as error:
        raise ResultsError(f"{path}: not a table of a record ({first_problem(error)})") from error
    except (pyarrow.ArrowException, OSError) as error:
        reason = one_line(str(error), 200)
        raise ResultsError(f"{path}: cannot be read as Parquet ({reason})") from error
    return frame


def _unfit_values(frame: pd.DataFrame) -> str:
    """Return why the values cannot be those of a record, empty if they can."""
    if empty := [n for n in NEVER_EMPTY if n in frame and frame[n].isna().any()]:
        return f"column {empty[0]!r} has empty rows"
    numbers = frame.select_dtypes("number").astype("float64")
    values = numbers.to_numpy()
    if np.isinf(values).any():
        return "an infinite number"
    low, high = np.array([_span(str(name)) for name in numbers], float).reshape(-1, 2).T
    beyond = ((values < low) | (values > high)).sum(axis=0)  # NaN is neither
    for place in np.flatnonzero(beyond)[:1]:
        name = str(numbers.columns[place])
        least, most = _span(name)
        return f"a number in column {name!r} that is not between {least:g} and {most:g}"
    return ""


def _span(column: str) -> tuple[float, float]:
    """Return between which numbers the values of a column lie, whatever was trained."""
    if column in WHOLE:
        return 0, MOST
    if column.endswith("_percent"):
        return 0, 100
    if column.endswith("_share"):
        return 0, 1
    return (-MOST_RHO, MOST_RHO) if column == "rho" else (-LARGEST, LARGEST)


def _unfit(opened: parquet.ParquetFile, name: str) -> str:
    """Return why a Parquet file cannot be the table ``name``, empty if it can."""
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
        return "a column stands there twice"
    missing = set(TABLES[name]) - set(schema.names) - ADDED_COLUMNS
    if missing and metadata.num_rows:
        return f"no column {min(missing)!r}"
    for field in schema:
        kind, types = field.type, pyarrow.types
        text = field.name in ("layer", "feeds_batch_norm")
        fits = types.is_string(kind) if text else types.is_integer(kind) or types.is_floating(kind)
        empty = types.is_null(kind) and (field.name in ADDED_COLUMNS or not metadata.num_rows)
        if not fits and not empty:
            return f"column {field.name!r} holds {kind}"
    return ""
