"""Suites of strangers: refused in words under exit code 2, or harmless; nothing of them runs."""

import json
import os

import pytest
import yaml

from tests.hostile.room import refused, told, told_bounded
from tests.hostile.suite_texts import SUITES, laughs, merges
from tests.tiny_suite import tiny_document, write_suite

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


@pytest.mark.parametrize("case", ["a call by tag", "a profile that leads out"])
def test_a_run_of_it_starts_nothing(room, capsys, case):
    text, said = SUITES[case]
    words = ["run", written(room, text), "--results", room.results, "--backend", "inprocess"]
    refused(told(room, capsys, *words), 2, said)
    assert not room.results.exists()


@pytest.mark.slow
@pytest.mark.parametrize("text", [laughs(12), merges(15), "[" * 900_000, "- 1\n" * 200_000])
def test_a_bomb_is_refused_in_a_gigabyte_of_memory(room, text):
    path = written(room, text)
    refused(told_bounded(room, MOST_BYTES, "plan", path, "--results", room.results), 2, "not valid")


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/random"])
def test_a_device_as_a_suite_is_refused(room, path):
    refused(told_bounded(room, MOST_BYTES, "plan", path, "--results", room.results), 2, path)


def test_a_pipe_that_never_ends_is_refused(room):
    words = f"yes | {os.sys.executable} -m ttq_bench.cli plan /dev/stdin --results {room.results}"
    assert os.system(f"({words}) 2> {room.results}.err") == 2 << 8
    text = (room.root / "results.err").read_text()
    assert "larger than 1,000,000 bytes" in text


HARMLESS_TITLES = (
    "<script>alert(1)</script>",
    "[x](javascript:alert(1)) | `a` | ![x](http://tracker.example/x.png)",
    "=HYPERLINK(0)",
    "{title} %s $(touch harmed) `touch harmed`",
)


@pytest.mark.parametrize("title", HARMLESS_TITLES)
def test_a_title_is_shown_as_text_and_goes_nowhere_else(room, capsys, title):
    suite = write_suite(room.data, title=title)
    done = told(room, capsys, "plan", suite, "--results", room.results)
    assert done.code == 0
    assert done.out.startswith(f"{title} (suite tiny, protocol test)\n")
    done = told(room, capsys, "plan", suite, "--results", room.results, "--json")
    assert title not in done.out
    assert json.loads(done.out)["suite"] == "tiny"


def test_anchors_and_merge_keys_of_a_usual_suite_are_read(room, capsys):
    document = tiny_document()
    recipe = document["training"].pop("full_precision")
    text = yaml.safe_dump({k: v for k, v in document.items() if k != "training"})
    text += f"training:\n  full_precision: &recipe {json.dumps(recipe)}\n"
    text += "  fine_tuned:\n    <<: *recipe\n    epochs: 1\n"
    assert told(room, capsys, "plan", written(room, text), "--results", room.results).code == 0
