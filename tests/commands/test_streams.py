"""Standard output and error that are full, closed, gone, or a terminal that obeys."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tiers import slow_but
from tests.tiny_suite import COMMAND, write_suite
from ttq_bench.records.paths import ResultsPaths

HOSTILE = "a\x1b[2J\u202eb [red]c"
ESCAPED = "a\\x1b[2J\\u202eb [red]c"
READERS = """
import sys
from ttq_bench.cli import main
path = sys.argv[1]
for words in ["verify", "--results", path], ["report", "--results", path], ["compare", path, path]:
    print("next:", words[0], flush=True)
    print("ended with", main(words), flush=True)
"""


@pytest.fixture
def words(tmp_path, cache):
    """The words of a short run."""
    suite = write_suite(tmp_path, epochs=1, methods=("full_precision",))
    results = tmp_path / "results"
    return ["run", suite, "--results", results, "--backend", "inprocess", "--no-report"]


def ended(words, **streams):
    kept = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
    done = subprocess.run([*COMMAND, *map(str, words)], timeout=120, check=False, **kept)
    return done.returncode, (done.stderr or b"").decode()


def records(words):
    return list(ResultsPaths(words[3]).trials.glob("*/record.json"))


@pytest.mark.slow
def test_a_run_whose_output_fills_the_disk_goes_on_and_says_that_output_was_lost(words):
    with Path("/dev/full").open("wb") as full:
        code, said = ended(words, stdout=full)
    assert (code, len(records(words))) == (74, 1)
    assert said == "ttq-bench: the output cannot be written (No space left on device)\n"


@pytest.mark.parametrize("question", [["status", "--results", "."], ["--help"]])
def test_a_question_whose_answer_is_lost_was_not_answered(tmp_path, question):
    with Path("/dev/full").open("wb") as full:
        code, said = ended(question, stdout=full, cwd=tmp_path)
    assert code == 74
    assert said.startswith("ttq-bench: the output cannot be written")
    assert said.count("\n") == 1


def test_who_reads_no_more_ends_a_command_quietly(tmp_path):
    read, write = os.pipe()
    os.close(read)
    try:
        assert ended(["status", "--results", tmp_path], stdout=write) == (141, "")
    finally:
        os.close(write)


@pytest.mark.slow
@pytest.mark.parametrize("closed", [1, 2])
def test_a_stream_that_is_closed_from_the_start_lets_a_run_go_on(words, closed):
    done = subprocess.run(
        [*COMMAND, *map(str, words)], timeout=120, check=False, capture_output=closed != 1,
        preexec_fn=lambda: os.close(closed),
    )  # fmt: skip
    assert len(records(words)) == 1
    assert done.returncode == (74 if closed == 1 else 0)


@pytest.mark.slow
def test_a_terminal_that_is_gone_does_not_end_a_run_that_ignores_its_end(words):
    terminal, stream = pty.openpty()
    run = subprocess.Popen([*COMMAND, *map(str, words)], stdout=stream, stderr=stream)
    os.close(stream)
    os.read(terminal, 20)
    os.close(terminal)
    assert run.wait(120) == 74
    assert len(records(words)) == 1


def shown_by(command, folder):
    """Return the exit code of a process in a terminal, and what the terminal shows.

    It is read all the while: a full terminal would hold the process up.
    """
    terminal, stream = pty.openpty()
    process = subprocess.Popen(
        list(map(str, command)), stdout=stream, stderr=stream, cwd=folder,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "400"},
    )  # fmt: skip
    os.close(stream)
    said = b""
    try:
        while part := os.read(terminal, 1 << 16):
            said += part
    except OSError:  # the end of a terminal
        pass
    os.close(terminal)
    return process.wait(), said.decode()


def assert_escaped(said):
    assert "\u202e" not in said
    assert "\x1b[2J" not in said
    assert ESCAPED in said


@pytest.mark.parametrize("command", slow_but(["status"], ["status", "run"]))
def test_a_path_cannot_order_the_terminal_about(tmp_path, words, command):
    results = tmp_path / HOSTILE
    words[3] = results
    if command == "status":
        results.mkdir()
        words = ["status", "--results", results]
    code, said = shown_by([*COMMAND, *words], tmp_path)
    assert code == 0, said
    assert_escaped(said)


@pytest.mark.slow
def test_no_reader_lets_a_path_order_the_terminal_about(tmp_path):
    """All in one process: each would take seconds to start."""
    (tmp_path / HOSTILE).mkdir()
    _, said = shown_by([sys.executable, "-c", READERS, HOSTILE], tmp_path)
    answers = [answer.partition("ended with ") for answer in said.split("next: ")[1:]]
    assert [code.strip() for _, _, code in answers] == ["6", "0", "2"]
    for shown, _, _ in answers:
        assert_escaped(shown)
