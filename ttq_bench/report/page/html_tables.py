"""Data frames as HTML tables that page.js makes sortable and searchable.

Their cells and rows have no end tags, which HTML leaves out before the next one: a page of many
trials is a fifth of a megabyte shorter.
"""

import re
from html import escape
from numbers import Integral, Real
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

MOST_ROWS = 2_000
LONG_TEXT = 24
TRIAL_COLUMNS = ("trial_id", "parent")
TITLES = {
    "claims": "All evidence on the claims",
    "accuracy": "All trials",
    "comparison": "All comparisons of arms",
    "asymmetry": "All asymmetries by layer",
}


def table_title(name: str) -> str:
    """Return the heading of the table that is written as ``tables/NAME.csv``."""
    return TITLES.get(name, name.replace("_", " ").capitalize())


def table_section(name: str, table: pd.DataFrame, folder: Path) -> str:
    """Return ``table`` folded away, or a link to its CSV file when it is too long for a page.

    ``folder`` is the results folder, asked which trials have a record to link to. Columns that say
    the same in every row are said once, above the table.
    """
    size = f"{len(table):,} rows, {len(table.columns)} columns"
    csv = f'<a href="tables/{quote(name)}.csv">{escape(name)}.csv</a>'
    if len(table) > MOST_ROWS:
        return f"<p>{size}, too many for this page: see {csv}.</p>\n"
    if table.empty:
        return f"<p>No rows: {csv}.</p>\n"
    constant = [c for c in table.columns[1:] if len(table) > 1 and _is_constant(table[c])]
    shown = table.drop(columns=constant)
    said = "; ".join(f"{escape(str(c))} = {_shown(table[c].iloc[0])[0]}" for c in constant)
    return (
        f'<details class="data"><summary>{size}</summary>\n<p>As a file: {csv}.</p>\n'
        + (f'<p class="constant">The same in every row: {said}.</p>\n' if said else "")
        + _table(shown, folder)
        + "</details>\n"
    )


def _is_constant(column: "pd.Series[Any]") -> bool:
    return column.nunique(dropna=False) == 1


def _table(table: pd.DataFrame, folder: Path) -> str:
    columns = [str(name) for name in table.columns]
    right = [_is_number(table[name]) for name in table.columns]
    head = "".join(
        f"<th{_aligned(number)}>{escape(name).replace('_', '_<wbr>')}</th>"
        for name, number in zip(columns, right, strict=True)
    )
    rows = (
        "".join(_cell(*cell, folder) for cell in zip(columns, values, right, strict=True))
        for values in table.itertuples(index=False, name=None)
    )
    body = "\n".join(f"<tr>{row}" for row in rows)
    return (
        f'<div class="scroll"><table>\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table></div>\n"
    )


def _is_number(column: "pd.Series[Any]") -> bool:
    return is_numeric_dtype(column) and not is_bool_dtype(column)


def _aligned(right: bool) -> str:
    return ' class="num"' if right else ""


def _cell(column: str, value: object, right: bool, folder: Path) -> str:
    text, full = _shown(value)
    kind = _aligned(right) or (' class="long"' if len(text) > LONG_TEXT else "")
    title = f' title="{full}"' if full != text else ""
    if column in TRIAL_COLUMNS and (folder / "trials" / str(value) / "record.json").is_file():
        text = f'<a href="trials/{quote(str(value))}/record.json">{text}</a>'
    return f"<td{kind}{title}>{text}"


def _shown(value: object) -> tuple[str, str]:
    """Return a value as it is read and, to eight digits, as it is sorted; both are safe in HTML.

    Of a digest twelve digits do: the whole of it stands in the CSV file.
    """
    if value is None or value is pd.NA or value == "" or value != value:  # noqa: PLR0124 - NaN
        return "–", "–"
    if isinstance(value, Real) and not isinstance(value, bool | Integral):
        return _four_digits(float(value)), f"{float(value):.8g}"
    text = str(value)
    if re.fullmatch("[0-9a-f]{32,}", text):
        text = f"{text[:12]}…"
    return escape(text), escape(text)


def _four_digits(value: float) -> str:
    return f"{value:.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:.4g}"  # noqa: PLR2004
