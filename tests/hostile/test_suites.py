"""Suites of strangers: refused in words under exit code 2, or harmless; nothing of them runs."""

import json
import os

import pytest

from tests.hostile.room import refused, told, told_bounded
from tests.hostile.suite_texts import SUITES, laughs, merges
from tests.tiny_suite import write_suite

MOST_BYTES = 1 << 30


def written(room, text):
    path = room.data / "suite.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("case", sorted(SUITES))
def test_a_hostile_suite_is_refused_in_words(room, capsys, case):
    text, said = SUITES[case]
    refused(told(room, capsys, "plan", written(room, text), "--results", room.results), 2, said)
    assert not room.results.exists()


def test_a_run_of_it_starts_nothing(room, capsys):
    text, said = SUITES["a profile that leads out"]
    words = ["run", written(room, text), "--results", room.results, "--backend", "inprocess"]
    refused(told(room, capsys, *words), 2, said)
    assert not room.results.exists()


@pytest.mark.slow
@pytest.mark.parametrize("text", [laughs(12), merges(15), "[" * 900_000, "- 1\n" * 200_000])
def test_a_bomb_is_refused_in_a_gigabyte_of_memory(room, text):
    path = written(room, text)
    refused(told_bounded(room, MOST_BYTES, "plan", path, "--results", room.results), 2, "not valid")


def test_a_device_as_a_suite_is_refused(room):
    words = ["plan", "/dev/zero", "--results", room.results]
    refused(told_bounded(room, MOST_BYTES, *words), 2, "/dev/zero")


def test_a_pipe_that_never_ends_is_refused(room):
    words = f"yes | {os.sys.executable} -m ttq_bench.cli plan /dev/stdin --results {room.results}"
    assert os.system(f"({words}) 2> {room.results}.err") == 2 << 8
    text = (room.root / "results.err").read_text()
    assert "larger than 1,000,000 bytes" in text


def test_a_title_is_shown_as_text_and_goes_nowhere_else(room, capsys):
    title = "=HYPERLINK(0) <script>alert(1)</script> [x](javascript:alert(1)) | {title} %s"
    title += " ![x](http://tracker.example/x.png) $(touch harmed) `touch harmed`"
    suite = write_suite(room.data, title=title)
    done = told(room, capsys, "plan", suite, "--results", room.results)
    assert done.code == 0
    assert done.out.startswith(f"{title} (suite tiny, protocol test)\n")
    done = told(room, capsys, "plan", suite, "--results", room.results, "--json")
    assert title not in done.out
    assert json.loads(done.out)["suite"] == "tiny"
