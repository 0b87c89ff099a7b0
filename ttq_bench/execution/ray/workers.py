"""Worker processes: the sign that each leaves before it imports torch, and how to end one here.

A lease names a worker only once it has claimed its attempt, seconds after its start. Until then the
sign shows that a task no longer waits for a free node, and which process works on it.
"""

import contextlib
import json
import os
import signal
from dataclasses import asdict, dataclass
from pathlib import Path

import pydantic

from ttq_bench.errors import TtqBenchError
from ttq_bench.files import write_atomically
from ttq_bench.records.attempts.holder import this_host
from ttq_bench.records.paths import ResultsPaths, TrialPaths
from ttq_bench.records.remote.store import kept_in
from ttq_bench.trial.settings import RunSettings

FETCH_SECONDS = 600.0  # that a worker may take to bring images to its node
TRIAL_VARIABLE = "TTQ_BENCH_TRIAL"  # of a process of Ray Train, whose title names no trial


@dataclass(frozen=True, slots=True)
class Sign:
    """Which task was taken up: by which process, on which host, and on which node of Ray.

    ``places`` is the placement group of a trial of several ranks. ``brings_images``: the worker
    first brings images to its node, which may take ``FETCH_SECONDS``.
    """

    task: str
    host: str
    process: int
    node: str
    places: str = ""
    brings_images: bool = False


_SIGN = pydantic.TypeAdapter(Sign)


def leave_sign(paths: TrialPaths, sign: Sign, url: str = "") -> None:
    """Write that a worker has taken up a task of the trial, at the ``url`` of the results, too."""
    with contextlib.suppress(OSError, TtqBenchError):  # the claim meets and reports it
        write_atomically(_path(paths), json.dumps(asdict(sign)).encode())
        kept_in(paths.results, url).post(_path(paths))


def read_sign(paths: TrialPaths, task: str) -> Sign | None:
    """Return the sign of a task, None as long as no worker has taken it up."""
    try:
        sign = _SIGN.validate_json(_path(paths).read_bytes())
    except (OSError, ValueError):
        return None
    return sign if sign.task == task else None


def leave_sign_here(
    trial_id: str,
    settings: RunSettings,
    task: str,
    node: str,
    *,
    places: str = "",
    brings_images: bool = False,
) -> None:
    """Write that this process has taken up a task of the trial, over an earlier sign of it."""
    paths = ResultsPaths(settings.results).trial(trial_id)
    sign = Sign(task, this_host(), os.getpid(), node, places, brings_images)
    leave_sign(paths, sign, settings.url)


def end_here(process: int, trial_id: str) -> None:
    """Kill the worker of a trial on this machine, if the process is one still."""
    try:
        place = Path(f"/proc/{process}")  # another one may have got its number
        is_worker = (place / "cmdline").read_bytes().startswith(f"ray::{trial_id}".encode())
        mark = f"{TRIAL_VARIABLE}={trial_id}".encode()
        if is_worker or mark in (place / "environ").read_bytes().split(b"\0"):
            os.kill(process, signal.SIGKILL)
    except OSError:
        pass  # it is gone already


def _path(paths: TrialPaths) -> Path:
    return paths.work / "begun.json"
