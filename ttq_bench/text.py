"""Numbers as people read them, the same in the terminal and in the summary."""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence

from ttq_bench.errors import TtqBenchError

# https://user:secret@host (a path of it has one slash), ?token=secret, Authorization: Bearer secret
USER_INFORMATION = re.compile(
    r"(?<![a-z0-9+.-])([a-z][a-z0-9+.-]{0,30}:/{1,2})[^\s/?#'\"]*@", re.IGNORECASE
)
SECRET_FIELD = re.compile(
    r"([?&;][\w.-]*(?:token|secret|signature|credential|password|key|sig)[\w.-]*=)[^&;\s'\"]+",
    re.IGNORECASE,
)
AUTHORIZATION = re.compile(r"\b((?:bearer|basic)\s+)[\w.~+/=-]{8,}", re.IGNORECASE)
HIDDEN = "***"
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def without_credentials(text: str) -> str:
    """Return ``text`` with ``***`` in place of credentials in its URLs and HTTP headers.

    These are user and password before the ``@`` of a URL, fields of its query that are named after
    a token, key, password or signature, and what follows ``Bearer`` or ``Basic``.
    """
    text = USER_INFORMATION.sub(rf"\g<1>{HIDDEN}@", text)
    text = SECRET_FIELD.sub(rf"\g<1>{HIDDEN}", text)
    return AUTHORIZATION.sub(rf"\g<1>{HIDDEN}", text)


def printable(text: str) -> str:
    """Return ``text`` with all characters that are not printable escaped, but for line breaks.

    A terminal obeys control characters, and marks of writing direction change what is read.
    """
    lines = text.split("\n")
    return "\n".join(line if line.isprintable() else _escaped_in(line) for line in lines)


def shortest(number: float) -> str:
    """Return a number in six digits, or in as many as tell it from every other number."""
    short = f"{number:g}"
    return short if float(short) == number or math.isnan(number) else repr(float(number))


def no_formula(text: str) -> str:
    """Return the text of a cell, with an apostrophe before one that a spreadsheet would compute."""
    return f"'{text}" if text.startswith(FORMULA) else text


def one_line(text: str, most: int = 500) -> str:
    """Return ``text`` as a line to print, ending in ``...`` where it is longer than ``most``."""
    line = printable(" ".join(text[: 4 * most].split()))
    return line if len(line) <= most and len(text) <= 4 * most else f"{line[:most]}..."


def replace_between(text: str, begin: str, end: str, block: str) -> str:
    """Return ``text``, which has both marks, with ``block`` in place of the text between them."""
    before, _, rest = text.partition(begin)
    after = rest.partition(end)[2]
    return f"{before}{begin}\n\n{block}\n{end}{after}"


def _escaped_in(line: str) -> str:
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in line
    )


def duration(seconds: float) -> str:
    """Return a time span as people say it: ``45 s``, ``12 min``, ``3 h 05 min``, ``5.2 days``."""
    if seconds < 90:  # noqa: PLR2004
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 120:  # noqa: PLR2004
        return f"{minutes} min"
    if minutes < 100 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    days = minutes / (24 * 60)
    return f"{days:.1f} days" if days < 100 else f"{days:,.0f} days"  # noqa: PLR2004


def json_text(document: object) -> str:
    """Return ``document`` as indented JSON; numbers that JSON lacks are null."""
    try:
        return json.dumps(document, indent=2, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(document), indent=2, allow_nan=False)


def _finite(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def counted(number: int, noun: str) -> str:
    """Return ``1 trial`` or ``12 trials``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield rows with their cells below each other, as wide as those of the rows like the first.

    A row of fewer cells reaches over the columns that it lacks.
    """
    whole = [row for row in rows if len(row) == len(rows[0])]
    widths = [max(map(len, column)) for column in zip(*whole, strict=True)]
    for row in rows:
        yield "  ".join(map(str.ljust, row, widths)).rstrip()


def seconds_in(text: str) -> float:
    """Return the seconds of a time span such as ``90s``, ``30m``, ``1.5h`` or ``90``."""
    factors = {"s": 1.0, "m": 60.0, "h": 3600.0}
    number, unit = (text[:-1], text[-1]) if text[-1:] in factors else (text, "s")
    try:
        seconds = -1.0 if "_" in number else float(number) * factors[unit]
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < float("inf"):
        raise TtqBenchError(
            f"{text!r} is no time span above zero; write for example 90s, 30m or 2h"
        )
    return seconds
