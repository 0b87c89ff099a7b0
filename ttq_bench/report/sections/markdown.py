"""Pieces of Markdown: tables, numbers with their intervals, links."""

import math
import re
from collections.abc import Sequence
from dataclasses import replace

from ttq_bench.analysis.judges import FEWEST_JUDGED
from ttq_bench.analysis.statistics import Estimate
from ttq_bench.report.naming import seeds_in_words
from ttq_bench.text import one_line

SPECIAL = re.compile(r"[\\`*<>&\[\]]")  # a table escapes its bars itself
MOST_LOGARITHM = 99.0
NUMBER = re.compile(r"[+−-]?\d|–$|undefined$|diverged$")


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table; columns of numbers (all cells begin with one) stand right."""
    columns = list(zip(*rows, strict=True)) or [()] * len(header)
    align = ["---:" if column and all(map(NUMBER.match, column)) else "---" for column in columns]
    return [_row(header), _row(align), *(_row(row) for row in rows), ""]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(escape(cell) for cell in cells) + " |"


def escape(text: str) -> str:
    """Return ``text`` with the bars escaped that would end a table's cell."""
    return text.replace("|", "\\|").replace("\n", " ")


def plain(text: object) -> str:
    """Return what somebody else wrote as Markdown that shows it as it is: no tags, no links."""
    return SPECIAL.sub(r"\\\g<0>", one_line(str(text)))


def with_interval(value: Estimate | None, *, signed: bool = False, digits: int = 2) -> str:
    """Return a mean with its 95 % interval, or why there is none.

    Student's interval of two seeds reaches 12.7 standard errors to each side: it would say nothing
    but that seeds are too few.
    """
    if value is None or value.n == 0:
        return "–"
    if math.isnan(value.mean):
        return "undefined"
    number = f"{{:{'+' if signed else ''}.{digits}f}}"
    mean = f"{{:{'+' if signed else ''}z.{digits}f}}".format(value.mean)  # z: no negative zero
    if math.isinf(value.half_width):
        return f"{mean} ({seeds_in_words(value.n)}: no interval)"
    if value.n < FEWEST_JUDGED:
        return f"{mean} ({value.n} seeds: too few for an interval)"
    return f"{mean} [{number.format(value.low)}, {number.format(value.high)}]"


def as_factor(value: Estimate, digits: int = 2) -> str:
    """Return a mean logarithm and its interval as factors."""
    mean, low, high = map(_exp, (value.mean, value.low, value.high))
    return with_interval(replace(value, mean=mean, low=low, high=high), digits=digits)


def _exp(logarithm: float) -> float:
    return math.inf if logarithm > MOST_LOGARITHM else math.exp(logarithm)


def capital(text: str) -> str:
    """Return ``text`` as a sentence begins."""
    return text[0].upper() + text[1:]


def percent(value: float | None) -> str:
    """Return an error in percent; a trial without one diverged."""
    return "diverged" if value is None or math.isnan(value) else f"{value:.2f}"


def anchor(heading: str) -> str:
    """Return the anchor that a heading gets on GitHub and in the HTML report."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") or "section"
