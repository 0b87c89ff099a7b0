"""A cluster as people start one: ``ray start --head`` and a worker, with a token."""

import contextlib
import os
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.faults.clusters import kill_all
from tests.faults.namespaces import RAY

HEAD, WORKER = "127.0.0.2", "127.0.0.3"  # Ray replaces 127.0.0.1 by the address that others see
NEEDS_DASHBOARD = "the dashboard needs `ray[default]`, as requirements.lock has it"


@dataclass(frozen=True)
class Started:
    """Where its dashboard is, and the environment of whoever may use it."""

    url: str
    env: dict[str, str]


@contextlib.contextmanager
def started(folder: Path, cache: Path) -> Iterator[Started]:
    """Start a head without cores and a worker with two; kill both after the block."""
    folder.mkdir(parents=True, exist_ok=True)
    env = token_environment(folder) | {"TTQ_BENCH_CACHE": str(cache)}
    gcs, dashboard, agent, other_agent = free_ports(4)
    try:
        ray_start(
            folder, env, HEAD, "--head", f"--port={gcs}", "--num-cpus=0",
            f"--dashboard-port={dashboard}", f"--dashboard-agent-listen-port={agent}",
        )  # fmt: skip
        ray_start(
            folder, env, WORKER, f"--address={HEAD}:{gcs}", "--num-cpus=2",
            f"--dashboard-agent-listen-port={other_agent}",
        )  # fmt: skip
        yield Started(f"http://127.0.0.1:{dashboard}", env)
    finally:
        kill_all(folder)


def ray_start(folder: Path, env: dict[str, str], host: str, *words: str) -> None:
    """Start one node, whose processes bear the mark of ``folder``."""
    common = [f"--node-ip-address={host}", "--object-store-memory=100000000"]
    subprocess.run(
        [RAY, "start", *words, *common],
        env=os.environ | env | {"TTQ_BENCH_TEST": str(folder), "RAY_USAGE_STATS_ENABLED": "0"},
        check=True,
        capture_output=True,
        timeout=120,
    )


def token_environment(folder: Path) -> dict[str, str]:
    """Return the environment of a user whose token lies in ``folder``."""
    token = folder / "auth_token"
    token.write_text("0" * 64)
    token.chmod(0o600)
    return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}


def free_ports(count: int) -> list[int]:
    """Return so many ports at which nobody listens now."""
    with contextlib.ExitStack() as stack:  # all held at once: one after the other may be the same
        held = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in held]
