"""The service for sharing a GPU: started, used and ended; where it is not, in turns.

A program that behaves as NVIDIA's stands in its place: it makes the pipe, starts a server as its
child, answers, and ends when told to. What a trial would do on the GPU is a program, too.
"""

import contextlib
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.tiny_suite import wait_until
from ttq_bench.execution import mps

CONTROL = """#!/bin/sh
if [ "$1" = -f ]; then
  env > "$HERE/environment"
  sleep 60 &
  echo $! > "$HERE/server"
  touch "$CUDA_MPS_PIPE_DIRECTORY/control"
  echo $$ > "$HERE/process"
  while [ -e "$CUDA_MPS_PIPE_DIRECTORY/control" ]; do sleep 0.05; done
else
  read command
  echo "$command" >> "$HERE/told"
  case "$command" in quit*) rm "$CUDA_MPS_PIPE_DIRECTORY/control";; esac
fi
"""


@pytest.fixture
def here(monkeypatch, tmp_path):
    for name in (mps.PIPES, mps.LOGS, mps.PART):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(mps, "USUAL_PIPES", str(tmp_path / "none"))
    monkeypatch.setattr(mps, "CLIENT", ("true",))
    monkeypatch.setenv("HERE", str(tmp_path))
    return tmp_path


def install(here, monkeypatch, text=CONTROL):
    tool = here / mps.CONTROL
    tool.write_text(text)
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(here), prepend=":")


def is_alive(path):
    number = path.read_text().strip()
    state = Path(f"/proc/{number}/stat")
    try:
        return state.read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_without_the_service_trials_take_turns(here, monkeypatch):
    monkeypatch.setenv("PATH", str(here))

    assert not mps.is_available()
    with mps.service(pytest.fail, 4) as answers:
        assert not answers


def test_it_runs_as_long_as_it_is_needed_and_workers_find_it(here, monkeypatch):
    install(here, monkeypatch)
    monkeypatch.setenv(mps.LOGS, "/somewhere")
    monkeypatch.setenv(mps.VISIBLE, "2,3")

    with mps.service(pytest.fail, 4) as answers:
        assert answers
        folder = os.environ[mps.PIPES]
        assert Path(folder, "control").exists()
        assert is_alive(here / "process")
        assert is_alive(here / "server")
        assert os.environ[mps.PART] == "50"

    assert (mps.PIPES in os.environ, os.environ[mps.LOGS]) == (False, "/somewhere")
    assert mps.PART not in os.environ
    assert not Path(folder).exists()
    assert (here / "told").read_text() == "get_server_list\nquit -t 5\n"
    assert not is_alive(here / "process")
    wait_until(lambda: not is_alive(here / "server"))  # init reaps it
    assert mps.VISIBLE not in (here / "environment").read_text()  # its clients keep their numbers


@pytest.mark.parametrize(("clients", "part"), [(1, "100"), (2, "100"), (3, "67"), (12, "17")])
def test_each_of_many_gets_a_part_of_the_gpu(here, monkeypatch, clients, part):
    install(here, monkeypatch)

    with mps.service(pytest.fail, clients):
        assert os.environ[mps.PART] == part


def test_a_part_that_the_user_chose_stays(here, monkeypatch):
    install(here, monkeypatch)
    monkeypatch.setenv(mps.PART, "40")

    with mps.service(pytest.fail, 12):
        assert os.environ[mps.PART] == "40"

    assert os.environ[mps.PART] == "40"


def test_one_that_does_not_end_when_told_to_is_killed_with_its_servers(here, monkeypatch):
    monkeypatch.setattr(mps, "END_SECONDS", 0.3)
    install(here, monkeypatch, CONTROL.replace("rm ", ": "))

    with mps.service(pytest.fail, 4):
        pass

    assert not is_alive(here / "process")
    wait_until(lambda: not is_alive(here / "server"))  # init reaps it


@pytest.mark.parametrize("text", ["#!/bin/sh\nexit 1\n", "#!/bin/sh\nsleep 5\n"])
def test_one_that_does_not_start_is_told_of(here, monkeypatch, text):
    monkeypatch.setattr(mps, "START_SECONDS", 0.3)
    monkeypatch.setattr(mps, "END_SECONDS", 0.3)
    install(here, monkeypatch, text)
    told = []

    with mps.service(told.append, 4) as answers:
        assert not answers

    assert told == [f"{mps.CONTROL} does not start; trials on one GPU take turns"]


def test_one_under_which_nothing_computes_is_not_used(here, monkeypatch):
    monkeypatch.setattr(mps, "CLIENT", ("false",))
    install(here, monkeypatch)
    told = []

    with mps.service(told.append, 4) as answers:
        assert not answers
        assert mps.PIPES not in os.environ
        assert mps.PART not in os.environ

    assert told == [f"nothing computes under {mps.CONTROL}; trials on one GPU take turns"]
    assert not is_alive(here / "process")


def test_one_that_runs_already_is_used_and_left_running(here, monkeypatch):
    (here / "control").touch()
    install(here, monkeypatch)
    monkeypatch.setenv(mps.PIPES, str(here))

    with mps.service(pytest.fail, 4) as answers:
        assert answers
        assert os.environ[mps.PART] == "50"

    assert mps.PART not in os.environ
    assert (here / "control").exists()
    assert os.environ[mps.PIPES] == str(here)
    assert not (here / "process").exists()


def test_a_pipe_that_is_left_of_another_counts_for_nothing(here, monkeypatch):
    (here / "control").touch()
    monkeypatch.setenv(mps.PIPES, str(here))
    install(here, monkeypatch, CONTROL.replace("read command", '[ "$HERE" != "$CUDA_MPS_PIPE_DIRECTORY" ] || exit 1; read command'))  # fmt: skip # noqa: E501

    with mps.service(pytest.fail, 4) as answers:
        assert answers
        assert os.environ[mps.PIPES] != str(here)

    assert os.environ[mps.PIPES] == str(here)


def test_a_break_while_it_starts_leaves_nothing_running(here, monkeypatch):
    install(here, monkeypatch, CONTROL)

    def broken_off(*_):
        wait_until((here / "process").exists)
        raise KeyboardInterrupt

    monkeypatch.setattr(mps, "_has_started", broken_off)
    monkeypatch.setattr(mps, "END_SECONDS", 0.3)
    with pytest.raises(KeyboardInterrupt), mps.service(pytest.fail, 4):
        pass

    assert not is_alive(here / "process")
    wait_until(lambda: not is_alive(here / "server"))  # init reaps it


def test_it_ends_with_a_driver_that_is_killed(here, monkeypatch):
    install(here, monkeypatch)
    program = f"""
        from ttq_bench.execution import mps
        mps.CLIENT = ("true",)
        mps.USUAL_PIPES = {str(here / "none")!r}
        with mps.service(print, 4):
            print("runs", flush=True)
            input()
    """
    driver = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with contextlib.closing(driver.stdin), driver.stdout as said:
        assert said.readline() == "runs\n"
        driver.kill()
        driver.wait()

    wait_until(lambda: not is_alive(here / "process"))


def test_one_that_runs_already_and_under_which_nothing_computes_narrows_no_trial(here, monkeypatch):
    (here / "control").touch()
    install(here, monkeypatch)
    monkeypatch.setattr(mps, "CLIENT", ("false",))
    monkeypatch.setenv(mps.PIPES, str(here))
    told = []

    with mps.service(told.append, 12) as answers:
        assert not answers
        assert mps.PART not in os.environ

    assert told == [f"nothing computes under {mps.CONTROL}; trials on one GPU take turns"]
