"""NVIDIA's Multi-Process Service: processes that share a GPU compute at once, not in turns.

A ResNet-20 leaves most of a large GPU idle, and processes take turns on it: four of them trained as
many steps a second as one (0.92 times, on an H200). Under the service four trained 1.8 times and
eight 2.0 times as many.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

CONTROL = "nvidia-cuda-mps-control"
PIPES, LOGS = "CUDA_MPS_PIPE_DIRECTORY", "CUDA_MPS_LOG_DIRECTORY"
USUAL_PIPES = "/tmp/nvidia-mps"  # noqa: S108 - where NVIDIA's service is unless told otherwise
START_SECONDS, END_SECONDS = 10.0, 10.0
LOOK_SECONDS = 0.1


def is_available() -> bool:
    """Return whether this machine can start the service, or has it running."""
    return shutil.which(CONTROL) is not None or _is_running()


def _is_running() -> bool:
    return _has_pipe(os.environ.get(PIPES, USUAL_PIPES))


def _has_pipe(folder: str) -> bool:
    return Path(folder, "control").exists()


@contextlib.contextmanager
def service(tell: Callable[[str], None]) -> Iterator[bool]:
    """Run the service for this process and those it starts, and yield whether it answers.

    One that the machine's administrator runs is used as it is. Where it cannot start, ``tell`` gets
    a sentence, and trials on one GPU take turns.
    """
    if _is_running() or not is_available():
        yield _is_running()
        return
    with tempfile.TemporaryDirectory(prefix="ttq-bench-mps-") as folder:
        names = {PIPES: folder, LOGS: folder}
        control = subprocess.Popen(
            [CONTROL, "-f"], env=os.environ | names, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the driver
        )  # fmt: skip
        try:
            answers = _answers(control, folder)
            if answers:
                os.environ |= names
            else:
                tell(f"{CONTROL} does not start; trials on one GPU take turns")
            yield answers
        finally:
            for name in names if answers else ():
                os.environ.pop(name, None)
            _end(control, os.environ | names)


def _answers(control: subprocess.Popen[bytes], folder: str) -> bool:
    """Wait until the service has its pipe; return False when it ended or takes too long."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and control.poll() is None:
        if _has_pipe(folder):
            return True
        time.sleep(LOOK_SECONDS)
    return False


def _end(control: subprocess.Popen[bytes], environment: dict[str, str]) -> None:
    """End the service and the servers it started, at once if it does not on being asked."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        subprocess.run(
            [CONTROL], input=b"quit -t 5\n", env=environment, timeout=END_SECONDS, check=False,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        control.wait(END_SECONDS)
    if control.poll() is None:
        control.kill()
        control.wait()
