"""NVIDIA's Multi-Process Service: processes that share a GPU compute at once, not in turns.

A ResNet-20 leaves most of a large GPU idle, and processes take turns on it: four of them trained as
many steps a second as one (0.92 times, on an H200). Under the service twelve train more than twice
as many: `ttq-bench speed P4`.
"""

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

CONTROL = "nvidia-cuda-mps-control"
PIPES, LOGS = "CUDA_MPS_PIPE_DIRECTORY", "CUDA_MPS_LOG_DIRECTORY"
VISIBLE = "CUDA_VISIBLE_DEVICES"
USUAL_PIPES = "/tmp/nvidia-mps"  # noqa: S108 - where NVIDIA's service is unless told otherwise
START_SECONDS, END_SECONDS = 10.0, 10.0
CLIENT_SECONDS = 60.0  # for a process that imports torch and computes one number
LOOK_SECONDS = 0.1
CLIENT = (sys.executable, "-c", "import torch; torch.ones(1, device='cuda').sum().item()")
PART = "CUDA_MPS_ACTIVE_THREAD_PERCENTAGE"
# Of a GPU's multiprocessors, all trials together. By hand on one lease of an H200, ResNet-20's
# steps a second: one trial 516; eight that may each take all 926, 35 % 1,242, 25 % 1,276, 18 %
# 1,223, 12.5 % 1,092; twelve with 17 % 1,370; sixteen on 16 cores with 25 % 1,311, 12.5 % 1,224. A
# process then launches kernels of fewer blocks, too.
PERCENT_TOGETHER = 200
PARENT_DIED = 1  # PR_SET_PDEATHSIG of prctl(2)


def is_available() -> bool:
    """Return whether this machine has the program that starts the service and asks it."""
    return shutil.which(CONTROL) is not None


@contextlib.contextmanager
def service(tell: Callable[[str], None], clients: int) -> Iterator[bool]:
    """Run the service for this process and those it starts, and yield whether a process computes.

    ``clients`` is how many of them share a GPU: each gets a part of its multiprocessors, the one
    that the environment names if it does. It can only narrow what the service gives.

    One that the machine's administrator runs is used as it is. Where it does not start, or nothing
    computes under it, ``tell`` gets a sentence: trials on one GPU would take turns.
    """
    if not is_available():
        yield False
    elif _answers(os.environ):
        computes = _computes(os.environ, tell)
        with _in_environment(_part(clients) if computes else {}):
            yield computes
    else:
        with (
            tempfile.TemporaryDirectory(prefix="ttq-bench-mps-") as folder,
            _own_service(folder, tell) as runs,
            _in_environment({PIPES: folder, LOGS: folder, **_part(clients)} if runs else {}),
        ):
            yield runs


@contextlib.contextmanager
def _own_service(folder: str, tell: Callable[[str], None]) -> Iterator[bool]:
    """Run the service with its pipe in ``folder``; yield whether a process computes under it."""
    environment = os.environ | {PIPES: folder, LOGS: folder}
    # It numbers anew what it is told to see, while its clients name GPUs by the old numbers.
    all_gpus = {name: value for name, value in environment.items() if name != VISIBLE}
    control = subprocess.Popen(
        [CONTROL, "-f"], env=all_gpus, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for the driver
        preexec_fn=_end_with_parent,  # noqa: PLW1509 - a driver may be killed
    )  # fmt: skip
    try:
        if _has_started(control, folder) and _answers(environment):
            yield _computes(environment, tell)
        else:
            tell(f"{CONTROL} does not start; trials on one GPU take turns")
            yield False
    finally:
        _end(control, environment)


def _part(clients: int) -> dict[str, str]:
    """Return the setting of the part of a GPU that each gets."""
    return {PART: os.environ.get(PART, str(min(100, round(PERCENT_TOGETHER / clients))))}


@contextlib.contextmanager
def _in_environment(settings: Mapping[str, str]) -> Iterator[None]:
    """Let processes that are started here find the settings; restore what was set."""
    before = {name: os.environ.get(name) for name in settings}
    os.environ |= settings
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(PARENT_DIED, signal.SIGTERM)


def _has_started(control: subprocess.Popen[bytes], folder: str) -> bool:
    """Wait until the service has its pipe; return False when it ended or takes too long."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and control.poll() is None:
        if Path(folder, "control").exists():
            return True
        time.sleep(LOOK_SECONDS)
    return False


def _answers(environment: Mapping[str, str]) -> bool:
    """Return whether a service answers there; a pipe alone may be left of one that is gone."""
    if not Path(environment.get(PIPES, USUAL_PIPES), "control").exists():
        return False
    return _say("get_server_list", environment)


def _say(command: str, environment: Mapping[str, str]) -> bool:
    try:
        done = subprocess.run(
            [CONTROL], input=f"{command}\n".encode(), env=environment, timeout=END_SECONDS,
            check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def _computes(environment: Mapping[str, str], tell: Callable[[str], None]) -> bool:
    """Return whether a process computes under the service, as trials would."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        client = subprocess.run(
            CLIENT, env=environment, timeout=CLIENT_SECONDS, check=False,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        if client.returncode == 0:
            return True
    tell(f"nothing computes under {CONTROL}; trials on one GPU take turns")
    return False


def _end(control: subprocess.Popen[bytes], environment: Mapping[str, str]) -> None:
    """End the service and the servers it started, at once if it does not on being asked."""
    if control.poll() is None:
        _say("quit -t 5", environment)
    with contextlib.suppress(subprocess.TimeoutExpired):
        control.wait(END_SECONDS if control.poll() is None else 0)
    with contextlib.suppress(OSError):  # all are gone
        os.killpg(control.pid, signal.SIGKILL)
    control.wait()
