from typing import NamedTuple

import pytest

from tests.shared_cache import own_cache  # noqa: F401 - fixture
from ttq_bench.cli import main


class Answer(NamedTuple):
    """How a command ended, and what it printed on standard output and on standard error."""

    code: int
    out: str
    err: str


@pytest.fixture
def answer(capsys):
    """Run a command in this process, from words of any type, and return its ``Answer``."""

    def of(*words):
        capsys.readouterr()
        try:
            code = main([str(word) for word in words])
        except SystemExit as ended:  # by the parser
            code = ended.code
        return Answer(code, *capsys.readouterr())

    return of


@pytest.fixture
def refused(answer):
    """Run a command that is refused, and return the one line that says why."""

    def line(*words, code=2):
        ended = answer(*words)
        assert (ended.code, ended.out, ended.err.count("\n")) == (code, "", 1), ended
        assert ended.err.startswith("ttq-bench: ")
        assert len(ended.err) < 600
        return ended.err

    return line
