"""The service for sharing a GPU: started, used and ended; where it is not, in turns.

A program that behaves as NVIDIA's stands in its place: it makes the pipe, and ends when told to.
"""

import os
import subprocess
from pathlib import Path

import pytest

from ttq_bench.execution import mps

CONTROL = """#!/bin/sh
if [ "$1" = -f ]; then
  touch "$CUDA_MPS_PIPE_DIRECTORY/control"
  echo $$ > "$HERE/process"
  while [ -e "$CUDA_MPS_PIPE_DIRECTORY/control" ]; do sleep 0.05; done
else
  cat > "$HERE/told"
  rm "$CUDA_MPS_PIPE_DIRECTORY/control"
fi
"""


@pytest.fixture
def here(monkeypatch, tmp_path):
    for name in (mps.PIPES, mps.LOGS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(mps, "USUAL_PIPES", str(tmp_path / "none"))
    monkeypatch.setenv("HERE", str(tmp_path))
    return tmp_path


def install(here, monkeypatch, text):
    tool = here / mps.CONTROL
    tool.write_text(text)
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(here), prepend=":")


def is_alive(number):
    return subprocess.run(["kill", "-0", number], capture_output=True, check=False).returncode == 0


def test_without_the_service_trials_take_turns(here, monkeypatch):
    monkeypatch.setenv("PATH", str(here))

    assert not mps.is_available()
    with mps.service(pytest.fail) as answers:
        assert not answers


def test_it_runs_as_long_as_it_is_needed_and_workers_find_it(here, monkeypatch):
    install(here, monkeypatch, CONTROL)

    assert mps.is_available()
    with mps.service(pytest.fail) as answers:
        assert answers
        folder = os.environ[mps.PIPES]
        assert Path(folder, "control").exists()
        number = (here / "process").read_text().strip()
        assert is_alive(number)

    assert mps.PIPES not in os.environ
    assert not Path(folder).exists()
    assert (here / "told").read_text() == "quit -t 5\n"
    assert not is_alive(number)


def test_one_that_does_not_end_when_told_to_is_killed(here, monkeypatch):
    monkeypatch.setattr(mps, "END_SECONDS", 0.3)
    install(here, monkeypatch, CONTROL.replace("rm ", ": "))

    with mps.service(pytest.fail):
        number = (here / "process").read_text().strip()

    assert not is_alive(number)


@pytest.mark.parametrize("text", ["#!/bin/sh\nexit 1\n", "#!/bin/sh\nsleep 5\n"])
def test_one_that_does_not_start_is_told_of(here, monkeypatch, text):
    monkeypatch.setattr(mps, "START_SECONDS", 0.3)
    monkeypatch.setattr(mps, "END_SECONDS", 0.3)
    install(here, monkeypatch, text)
    told = []

    with mps.service(told.append) as answers:
        assert not answers

    assert told == [f"{mps.CONTROL} does not start; trials on one GPU take turns"]


def test_one_that_runs_already_is_used_and_left_running(here, monkeypatch):
    (here / "control").touch()
    monkeypatch.setenv(mps.PIPES, str(here))
    monkeypatch.setenv("PATH", "")

    with mps.service(pytest.fail) as answers:
        assert answers

    assert (here / "control").exists()
    assert os.environ[mps.PIPES] == str(here)
