"""Start Ray or join a cluster, list its nodes, leave it; and what to say where that fails."""

import contextlib
import logging
import os
import re
import signal
import threading
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import ray
from ray import exceptions
from ray._private.state import GlobalState
from ray._raylet import GcsClientOptions  # type: ignore[attr-defined]
from ray.job_config import JobConfig

from ttq_bench.errors import ClusterError, TtqBenchError
from ttq_bench.execution.ray.address import knock, resolved
from ttq_bench.execution.ray.nodes import Node
from ttq_bench.execution.ray.processes import OwnProcesses
from ttq_bench.execution.ray.security import dashboard_host
from ttq_bench.execution.ray.session import session_folder
from ttq_bench.execution.ray.startup_notes import OBJECT_STORE_BYTES
from ttq_bench.text import without_credentials
from ttq_bench.trial.settings import ClusterOptions

SHUTDOWN_SECONDS = 5.0
VERSIONS = re.compile(r"Ray: (\S+)\s+Python: (\S+)")  # as Ray tells that two do not fit
_servers: OwnProcesses | None = None


def connect(options: ClusterOptions) -> None:
    """Start Ray here, or join the cluster at ``options.address``; ``ClusterError`` if it cannot be.

    Signals stay the driver's own.
    """
    global _servers  # noqa: PLW0603 - Ray, too, is one a process
    _servers = OwnProcesses() if options.address is None else None
    try:
        with _own_signals():
            _start(options)
    except BaseException:
        _leave_servers()
        raise


def check_servers() -> None:
    """Raise ``ClusterError`` where a server of our own Ray has ended."""
    if _servers is not None:
        _servers.check()


def _leave_servers() -> None:
    if _servers is not None:
        _servers.close()


@contextlib.contextmanager
def asking_ray() -> Iterator[None]:
    """Raise ``ClusterError`` for whatever Ray raises meanwhile: then it cannot be reached."""
    try:
        yield
    except TtqBenchError:
        raise
    except Exception as error:  # Ray raises bare ones, too
        raise ClusterError(
            f"Ray cannot be reached any more ({first_line(error)}); run the same command again"
        ) from error


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """Keep the driver's answer to SIGTERM while Ray starts; Ray's would end it with code 15.

    Below Python Ray answers, too: it prints a stack and sets an alarm that aborts the process 3 s
    later. Setting the driver's answer anew takes that away (tests/faults/test_f14_signals.py).
    """
    utils = ray._private.utils
    before, utils.set_sigterm_handler = utils.set_sigterm_handler, lambda _: None
    try:
        yield
    finally:
        utils.set_sigterm_handler = before
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM))
            signal.alarm(0)  # of a signal that came meanwhile


def _start(options: ClusterOptions) -> None:
    # "local": never a cluster that happens to run, its nodes may lack the results.
    start = partial(
        ray.init, log_to_driver=False, logging_level=logging.ERROR, job_config=_own_code_only()
    )
    # We report what ended in a sentence; Ray would print the log of a dead node's process.
    ray._private.worker._worker_logs_enabled = False
    try:
        if options.address is not None:
            address = resolved(options.address)
            knock(address)
            start(address=address)
            return
        if options.dashboard is not None:
            _need_dashboard()
        start(
            address="local",
            num_cpus=options.cores,
            num_gpus=options.gpus,
            include_dashboard=options.dashboard is not None,
            dashboard_host=dashboard_host(options.dashboard),
            object_store_memory=OBJECT_STORE_BYTES,
            _node_ip_address="127.0.0.1",
            _temp_dir=str(session_folder() / "r"),
        )
    except TtqBenchError:
        raise
    except Exception as error:  # Ray raises bare ones, too
        raise ClusterError(refusal(error, options.address)) from error


def refusal(error: Exception, address: str | None) -> str:
    """Return why Ray cannot be used here, or at ``address``, and what to do about it."""
    where = f"the Ray cluster at {address}" if address else "Ray here"
    if len(versions := VERSIONS.findall(str(error))) == 2:  # noqa: PLR2004 - theirs and ours
        theirs, ours = (f"Ray {ray} on Python {python}" for ray, python in versions)
        return (
            f"{where} has {theirs}, this machine {ours}; install one version of Ray on both (a"
            " checkout's requirements.lock names it), under one Python"
        )
    if "AF_UNIX" in str(error):
        set_here = (
            name for name in ("RAY_TMPDIR", "TMPDIR", "TEMP", "TMP") if os.environ.get(name)
        )
        name = next(set_here, "TMPDIR")
        return (
            f"{where} cannot be used: {name} ({os.environ.get(name, 'unset')}) is too long a path,"
            " for Ray makes sockets below it, and the system allows 107 bytes for the path of one;"
            f" set {name} to a short one, for example {name}=/tmp"
        )
    return f"{where} cannot be used ({first_line(error)}); --backend inprocess runs without Ray"


class _Closed(list[str]):
    """A list of folders that Ray cannot add to."""

    def extend(self, _folders: Iterable[str]) -> None:
        """Leave them out."""


def _own_code_only() -> JobConfig:
    """Return a job whose workers import what is installed, and nothing of the working directory.

    Ray would have them import from there first: a file ``random.py`` in it would be run.
    """
    config = JobConfig()
    config._py_driver_sys_path = _Closed()
    return config


def _need_dashboard() -> None:
    """Raise ``ClusterError`` where Ray was installed without what its dashboard needs.

    Asked as Ray asks, which ends in a bare ``Exception`` once half a cluster has started.
    """
    try:
        import ray.dashboard.optional_deps  # noqa: F401
    except ImportError as error:
        raise ClusterError(
            f"--dashboard: Ray's dashboard needs packages that are not installed ({error}); run"
            " `pip install 'ray[default]'`, or leave out --dashboard"
        ) from error


def nodes_at(address: str) -> list[Node]:
    """Return the nodes of the cluster at ``address``; ``ClusterError`` if it cannot be used.

    As `ray status` asks, and not as a job: for one Ray starts workers, and the nodes unpack its
    code. Several nodes of one machine do so in one folder, each deleting it first, while a job has
    modules to import from there (tests/cluster/test_submit.py).
    """
    where = resolved(address)
    knock(where)
    state = GlobalState()  # type: ignore[no-untyped-call]
    try:
        state._initialize_global_state(
            GcsClientOptions.create(
                where, None, allow_cluster_id_nil=True, fetch_cluster_id_if_nil=False
            )
        )
        return _listed(state.node_table())  # type: ignore[no-untyped-call]
    except (exceptions.RayError, OSError, RuntimeError, ValueError) as error:
        raise ClusterError(
            f"the Ray cluster at {address} does not tell its nodes ({first_line(error)}); it may"
            " have another token, or be no cluster; --backend inprocess runs without Ray"
        ) from error
    finally:
        state.disconnect()  # type: ignore[no-untyped-call]


def list_nodes() -> list[Node]:
    """Return the nodes that the cluster has, or has had."""
    return _listed(ray.nodes())  # type: ignore[no-untyped-call]


def _listed(table: Iterable[Mapping[str, Any]]) -> list[Node]:
    return [
        Node(
            node["NodeID"],
            node["NodeManagerAddress"],
            node["NodeManagerPort"],
            node["Resources"].get("CPU", 0.0),
            node["Resources"].get("GPU", 0.0),
            node["Alive"],
        )
        for node in table
    ]


def disconnect() -> None:
    """End our cluster, or leave the other one."""
    _leave_servers()
    ending = threading.Thread(target=ray.shutdown, daemon=True)
    ending.start()
    ending.join(SHUTDOWN_SECONDS)  # it hangs when the head is gone


def of_task(error: exceptions.RayError) -> str:
    """Return why a task ended: what its own code raised, if it did, else what Ray says.

    A sentence that is for the user is all of it; of anything else it is the first line.
    """
    raised = error.cause if isinstance(error, exceptions.RayTaskError) else None
    beneath = raised or error
    if isinstance(beneath, TtqBenchError):
        return without_credentials(str(beneath))
    return first_line(beneath)


def first_line(error: Exception) -> str:
    """Return the kind of an error and the first line of what it says, without credentials."""
    line = (str(error).strip().splitlines() or [""])[0]
    return without_credentials(f"{type(error).__name__}: {line}")
