"""What is wrong with a value of a suite file, in words: what is allowed, and what was given."""

import math
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from pydantic_core import ErrorDetails

from ttq_bench.errors import did_you_mean
from ttq_bench.suite.yaml_text import number_in
from ttq_bench.text import one_line

WORDS = {
    "Input should be ": "",
    "a valid integer": "a whole number",
    "a valid number": "a number",
    "a valid array": "a list",
    "a valid boolean": "true or false",
    "a valid string": "text",
    "an object": "a mapping",
    "False": "false",
}
READ_AS = {True: "on, yes and true", False: "off, no and false"}  # by YAML 1.1


def reason(detail: ErrorDetails, siblings: Sequence[str]) -> str:
    """Return the problem; ``siblings`` are the fields allowed where an unknown one stands."""
    kind, given = detail["type"], detail["input"]
    if kind == "extra_forbidden":
        return f"unknown field{did_you_mean(str(detail['loc'][-1]), siblings)}"
    if kind == "missing":
        return "is missing"
    if kind == "value_error":
        return detail["msg"].removeprefix("Value error, ")
    if kind == "too_short":
        return "is empty; name at least one"
    message = detail["msg"]
    for word, plain in WORDS.items():
        message = message.replace(word, plain)
    hint = text_hint(given, whole="whole" in message) if "number" in message else ""
    return f"expected {message}, {got(given)}{hint}"


def got(given: Any) -> str:
    """Return what was given; of true and false also which words YAML reads so."""
    if isinstance(given, bool):
        value = as_yaml(given)
        return f"got {value} (YAML reads {READ_AS[given]} as {value}; put a word in quotes)"
    return f"got {one_line(repr(given), 200)}"


def as_yaml(value: Any) -> str:
    """Return a value as it is written in YAML, which takes ``1e-08`` for text."""
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f")
    return str(value).lower() if isinstance(value, bool) else str(value)


def text_hint(given: Any, *, whole: bool) -> str:
    """Return how to write a number that YAML read as text (``1e-4`` lacks a point), or nothing."""
    if isinstance(given, str) and (read := number_in(given)) is not None:
        return f", which YAML reads as {read}; write the number in decimal digits alone"
    try:
        number = int(given) if given.isdigit() else float(given)
    except (AttributeError, ValueError):
        return ""
    if math.isnan(number):
        return ""
    if math.isinf(number) or (not number and re.search("[1-9]", given.lower().partition("e")[0])):
        return ", which is beyond the range of a number"
    if whole and math.isfinite(number) and number == int(number):
        number = int(number)
    text = repr(number)
    if "e" in text and "." not in text:
        text = text.replace("e", ".0e")
    return f", which YAML reads as text; write {text}"
