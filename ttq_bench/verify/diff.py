"""Differences between a table or page on disk and the one that follows from the records.

Numbers are compared with a relative tolerance of 1e-5 and all other text exactly: CSV files have
six digits, and the linear algebra of another machine may round the last one differently.
"""

import csv
import math
import re
from collections.abc import Hashable, Iterator, Sequence
from difflib import SequenceMatcher
from itertools import takewhile, zip_longest

from ttq_bench.records.consistency import Difference, unequal

RELATIVE = 1e-5
ZERO = 1e-12  # a difference of equal numbers may be this large by rounding
NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?!\w|\.\d)", re.IGNORECASE)
WORD = re.compile(r"<[^>]*>|[^\s<]+|\s+|<")
BAR = re.compile(r"(?<!\\)\|")
# What another version of matplotlib may change in report.html: figures, without scripts or other
# pages in them; the style rules of their classes alone; and the hash of these rules.
DRAWING = re.compile(
    r"<svg\b(?:(?!<script|<foreignObject|<style|</svg>).)*</svg>"
    r"|(?<=<style id=\"drawings\">\n)(?:\.s\d+ \{[^{}<]*\}\n)*(?=</style>)"
    r"|(?<='sha256-)[A-Za-z0-9+/]{43}(?=='; img-src)",
    re.DOTALL,
)
BREAK = "\0"  # stands for the end of a line inside of a drawing
CONTEXT = 4  # words and spaces shown before and after what differs

Row = Sequence[str]


def agrees(found: str, expected: str) -> bool:
    """Return whether two texts are equal, apart from the last digits of numbers with a point."""
    if found == expected:
        return True
    numbers = zip(NUMBER.findall(found), NUMBER.findall(expected), strict=False)
    return NUMBER.split(found) == NUMBER.split(expected) and all(
        float(a) == float(b)
        or ("." in a + b and math.isclose(float(a), float(b), rel_tol=RELATIVE, abs_tol=ZERO))
        for a, b in numbers
    )


def read_csv(text: str) -> list[list[str]]:
    """Return the rows of a CSV file as text, the header first; no row without columns."""
    return list(csv.reader(text.splitlines(keepends=True)))


def table_differences(file: str, found: str, expected: str) -> Iterator[Difference]:
    """Yield each cell, row and column in which two CSV files differ."""
    (header, *rows), (right_header, *right_rows) = (read_csv(t) or [[]] for t in (found, expected))
    if header != right_header:
        yield from _header_differences(file, header, right_header)
        places = [header.index(name) if name in header else -1 for name in right_header]
        rows = [[row[p] if 0 <= p < len(row) else "" for p in places] for row in rows]
    width = _name_width(right_rows)
    names, right_names = ([tuple(row[:width]) for row in part] for part in (rows, right_rows))
    shared = [name in header for name in right_header]
    for place, right in _paired(names, right_names):
        if right is None:
            yield Difference(file, f"row {_named(names, place)}", "should not be there")
        elif place is None:
            yield Difference(file, f"row {_named(right_names, right)}", "is missing")
        else:
            row = f"row {_named(right_names, right)}"
            if len(rows[place]) != len(right_header):
                yield unequal(file, f"{row}, number of cells", len(rows[place]), len(right_header))
                continue
            cells = zip(right_header, shared, rows[place], right_rows[right], strict=True)
            for column, known, cell, right_cell in cells:
                if known and not agrees(cell, right_cell):
                    yield unequal(file, f"{row}, column {column}", cell, right_cell)


def text_differences(file: str, found: str, expected: str) -> Iterator[Difference]:
    """Yield each line, or each cell of a row of a Markdown table, in which two texts differ.

    In HTML, drawings with their styles and empty lines are not compared.
    """
    lines, right_lines = (_lines(text, html=file.endswith(".html")) for text in (found, expected))
    plain, right_plain = ([line for _, line in part] for part in (lines, right_lines))
    for place, right in _paired(plain, right_plain):
        if right is None:
            number, line = lines[place or 0]
            yield Difference(file, f"line {number}", f"{_short(line)!r} should not be there")
        elif place is None:
            number, line = right_lines[right]
            what = f"{_short(line)!r} is missing"
            yield Difference(file, f"line {number} of what the records give", what)
        elif not agrees(plain[place], right_plain[right]):
            name = f"line {lines[place][0]}"
            columns = _columns(right_plain, right)
            yield from _line_differences(file, name, plain[place], right_plain[right], columns)


def _header_differences(file: str, found: Row, expected: Row) -> Iterator[Difference]:
    for name in [name for name in expected if name not in found]:
        yield Difference(file, f"column {name}", "is missing")
    for name in [name for name in found if name not in expected]:
        yield Difference(file, f"column {name}", "should not be there")
    if sorted(found) == sorted(expected):
        yield unequal(file, "order of columns", ", ".join(found), ", ".join(expected))


def _name_width(rows: Sequence[Row]) -> int:
    """Return how many leading columns identify a row, all columns if they do not."""
    most = max(map(len, rows), default=1)
    widths = range(1, most + 1)
    return next((w for w in widths if len({tuple(row[:w]) for row in rows}) == len(rows)), most)


def _named(names: Sequence[Row], place: int | None) -> str:
    return ", ".join(filter(None, names[place or 0]))


def _paired(
    found: Sequence[Hashable], expected: Sequence[Hashable]
) -> Iterator[tuple[int | None, int | None]]:
    """Yield pairs of places that belong together, with None where one side has no counterpart."""
    matcher = SequenceMatcher(None, found, expected, autojunk=False)
    for _, start, end, right_start, right_end in matcher.get_opcodes():
        yield from zip_longest(range(start, end), range(right_start, right_end))


def _lines(text: str, *, html: bool) -> list[tuple[int, str]]:
    if html:  # lines after a drawing keep their numbers
        text = DRAWING.sub(lambda drawing: BREAK * drawing.group().count("\n"), text)
    lines, number = [], 1
    for line in text.splitlines():
        text_of_line = line.replace(BREAK, "")
        if text_of_line.strip() or not html:
            lines.append((number, text_of_line))
        number += 1 + line.count(BREAK)
    return lines


def _columns(lines: Sequence[str], place: int) -> list[str]:
    """Return the header cells of the Markdown table around a line, empty outside of a table."""
    above = list(takewhile(lambda line: line.startswith("|"), reversed(lines[: place + 1])))
    return _cells(above[-1]) if above else []


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in BAR.split(line)[1:-1]]


def _line_differences(
    file: str, name: str, found: str, expected: str, columns: Sequence[str]
) -> Iterator[Difference]:
    cells, right_cells = _cells(found), _cells(expected)
    if columns and len(cells) == len(right_cells) == len(columns):
        for column, cell, right_cell in zip(columns, cells, right_cells, strict=True):
            if not agrees(cell, right_cell):
                place = f"{name}, row {right_cells[0]}, column {column}"
                yield unequal(file, place, *_excerpts(cell, right_cell))
    else:
        yield unequal(file, name, *_excerpts(found, expected))


def _excerpts(found: str, expected: str) -> tuple[str, str]:
    """Return both texts from the first to the last word that differs, with some words around."""
    words, right_words = WORD.findall(found), WORD.findall(expected)
    least = min(len(words), len(right_words))
    begin = next((i for i in range(least) if words[i] != right_words[i]), least)
    end = next((i for i in range(least - begin) if words[-1 - i] != right_words[-1 - i]), 0)
    begin, end = max(begin - CONTEXT, 0), max(end - CONTEXT, 0)
    shown = ("".join(part[begin : len(part) - end]) for part in (words, right_words))
    first, second = (_short(text.strip()) for text in shown)
    return first, second


def _short(text: str, most: int = 120) -> str:
    return text if len(text) <= most else f"{text[:most]}…"
