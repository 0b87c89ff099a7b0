import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ttq_bench.errors import TtqBenchError
from ttq_bench.text import duration, seconds_in


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"), (44.6, "45 s"), (89, "89 s"), (90, "2 min"), (720, "12 min"),
        (7_140, "119 min"), (7_190, "2 h 00 min"),
        (11_100, "3 h 05 min"), (360_000, "100 h 00 min"),
    ],
)  # fmt: skip
def test_durations_are_said_as_people_say_them(seconds, said):
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1_800), ("1.5h", 5_400), ("90", 90), ("0.5", 0.5)]
)
def test_time_spans_are_read(text, seconds):
    assert seconds_in(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "s", "0", "-3m", "nan", "inf", "1e999h", "2d", "1h30m", "two hours"]
)
def test_what_is_no_time_span_is_refused_with_examples(text):
    with pytest.raises(TtqBenchError, match="is no time span; write for example 90s, 30m or 2h"):
        seconds_in(text)


@given(st.text(max_size=8))
def test_any_text_gives_a_positive_number_or_an_error(text):
    with contextlib.suppress(TtqBenchError):
        assert 0 < seconds_in(text) < float("inf")
