"""Signs in real files; the process that is ended is a real one."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.tiny_suite import wait_until
from ttq_bench.execution.ray.workers import Sign, end_here, leave_sign, read_sign
from ttq_bench.records.paths import ResultsPaths

SIGN = Sign("first", "here", 7, "node")
# Named as Ray names the worker of a trial.
SLEEPER = "import os, sys; os.execv(sys.executable, ['ray::one', '-c', 'input()'])"


@pytest.fixture
def paths(tmp_path):
    return ResultsPaths(tmp_path).trial("one")


def test_a_sign_is_read_for_its_own_task_alone(paths):
    assert read_sign(paths, "first") is None
    leave_sign(paths, SIGN)
    assert read_sign(paths, "first") == SIGN
    assert read_sign(paths, "second") is None


def test_a_damaged_sign_is_none(paths):
    leave_sign(paths, SIGN)
    (file,) = paths.work.iterdir()
    file.write_bytes(file.read_bytes()[:-3])
    assert read_sign(paths, "first") is None


def test_a_sign_that_cannot_be_left_stops_no_worker(paths):
    paths.work.parent.mkdir()
    paths.work.write_text("in the way")
    leave_sign(paths, SIGN)
    assert read_sign(paths, "first") is None


def test_the_worker_of_a_trial_is_ended_and_no_other_process():
    with subprocess.Popen([sys.executable, "-c", SLEEPER], stdin=subprocess.PIPE) as process:
        title = Path(f"/proc/{process.pid}/cmdline")
        wait_until(lambda: title.read_bytes().startswith(b"ray::"))
        end_here(process.pid, "two")
        assert process.poll() is None
        end_here(process.pid, "one")
        assert process.wait(10) == -9
    end_here(process.pid, "one")
