import contextlib
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ttq_bench.errors import TtqBenchError
from ttq_bench.text import (
    aligned,
    counted,
    duration,
    json_text,
    one_line,
    printable,
    seconds_in,
    shortest,
    without_credentials,
)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"), (44.6, "45 s"), (89, "89 s"), (90, "2 min"), (720, "12 min"),
        (7_140, "119 min"), (7_190, "2 h 00 min"),
        (11_100, "3 h 05 min"), (359_940, "99 h 59 min"), (360_000, "4.2 days"),
        (96_706_820, "1,119 days"),
    ],
)  # fmt: skip
def test_durations_are_said_as_people_say_them(seconds, said):
    assert duration(seconds) == said


def test_one_is_singular():
    found = [counted(number, "trial") for number in (0, 1, 1200)]
    assert found == ["0 trials", "1 trial", "1,200 trials"]


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1_800), ("1.5h", 5_400), ("90", 90), ("0.5", 0.5)]
)
def test_time_spans_are_read(text, seconds):
    assert seconds_in(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "s", "0", "-3m", "nan", "inf", "1e999h", "2d", "1h30m", "two hours", "1_0s"]
)
def test_what_is_no_time_span_is_refused_with_examples(text):
    with pytest.raises(
        TtqBenchError, match="no time span above zero; write for example 90s, 30m or 2h"
    ):
        seconds_in(text)


@given(st.text(max_size=8))
def test_any_text_gives_a_positive_number_or_an_error(text):
    with contextlib.suppress(TtqBenchError):
        assert 0 < seconds_in(text) < float("inf")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("https://user:secret@host/path", "https://***@host/path"),
        ("at https://secret@host:8080 and s3://a:b@c", "at https://***@host:8080 and s3://***@c"),
        ("https:/user:secret@host/path", "https:/***@host/path"),
        ("https://user:se@cret@host", "https://***@host"),
        ("http://host/?a=1&access_token=secret&b=2", "http://host/?a=1&access_token=***&b=2"),
        ("?X-Amz-Signature=secret&X-Amz-Date=1", "?X-Amz-Signature=***&X-Amz-Date=1"),
        ("Authorization: Bearer abcdefgh.ijk", "Authorization: Bearer ***"),
        ("mail a@b.c, https://host/@team, 3 keys=4", "mail a@b.c, https://host/@team, 3 keys=4"),
    ],
)
def test_credentials_are_taken_out_of_urls_and_headers(text, said):
    assert without_credentials(text) == said
    assert without_credentials(said) == said


def test_control_characters_and_marks_of_direction_are_escaped():
    assert printable("a\x1b[2J\u202e\x00\ud800 ρ – |\n") == r"a\x1b[2J\u202e\x00\ud800 ρ – |" + "\n"


@given(st.text(), st.integers(1, 50))
def test_any_text_is_one_line_of_a_bounded_length(text, most):
    line = one_line(text, most)
    assert line.isprintable()
    assert len(line) <= most + 3


def test_json_stays_json_where_a_number_is_not_finite():
    document = {"a": [1.5, math.nan, (math.inf, None)], "b": {"c": -math.inf}}
    read = json.loads(json_text(document), parse_constant=pytest.fail)
    assert read == {"a": [1.5, None, [None, None]], "b": {"c": None}}


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.05, "0.05"), (0.05000000000000001, "0.05000000000000001"), (1e-4, "0.0001"),
     (0.00050000001, "0.00050000001"), (3, "3"), (float("nan"), "nan"), (float("inf"), "inf")],
)  # fmt: skip
def test_numbers_that_differ_do_not_look_alike(number, text):
    assert shortest(number) == text


def test_cells_stand_below_each_other_and_a_short_row_reaches_over_what_it_lacks():
    rows = [("node", "host", "cores"), ("a", "longer", "2"), ("b", "gave no answer at all")]
    assert list(aligned(rows)) == [
        "node  host    cores",
        "a     longer  2",
        "b     gave no answer at all",
    ]
