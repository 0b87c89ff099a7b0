"""Pieces of Markdown: tables, numbers with their intervals, links."""

import math
from collections.abc import Sequence

from ttq_bench.analysis.statistics import Estimate


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table; the first column is text, the others are numbers."""
    align = ["---", *["---:"] * (len(header) - 1)]
    return [_row(header), _row(align), *(_row(row) for row in rows), ""]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(escape(cell) for cell in cells) + " |"


def escape(text: str) -> str:
    """Return ``text`` with the bars escaped that would end a table's cell."""
    return text.replace("|", "\\|").replace("\n", " ")


def with_interval(value: Estimate | None, *, signed: bool = False, digits: int = 2) -> str:
    """Return a mean with its 95 % interval, or why there is none."""
    if value is None or value.n == 0:
        return "–"
    if math.isnan(value.mean):
        return "undefined"
    number = f"{{:{'+' if signed else ''}.{digits}f}}"
    mean = number.format(value.mean)
    if math.isinf(value.half_width):
        return f"{mean} (one seed: no interval)"
    return f"{mean} [{number.format(value.low)}, {number.format(value.high)}]"
