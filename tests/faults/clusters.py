"""Real Ray clusters of several nodes for tests, each in processes of its own."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from tests.faults.grid import processes_of
from tests.tiny_suite import wait_until

RAY = Path(sys.executable).with_name("ray")

# Reads commands: "add CPUS [GPUS]", "remove N" (graceful), "kill N" (SIGKILL to its raylet),
# "kill-head" (SIGKILL to the control store, then to the head's raylet). Answers a line each.
CLUSTER = """
import os, signal, sys
from ray._private import ray_constants
from ray.cluster_utils import Cluster

def kill(node, kind):
    for process in node.all_processes.get(kind, []):
        os.kill(process.process.pid, signal.SIGKILL)

cluster = Cluster(
    initialize_head=True,
    head_node_args={"num_cpus": 0, "include_dashboard": False, "object_store_memory": 100_000_000},
)
print(cluster.address, flush=True)
nodes = []
for line in sys.stdin:
    word, *rest = line.split()
    if word == "add":
        cpus, gpus = (int(count) for count in (*rest, 0)[:2])
        node = cluster.add_node(num_cpus=cpus, num_gpus=gpus, object_store_memory=100_000_000)
        nodes.append(node)
        print(node.node_id, flush=True)
        continue
    if word == "remove":
        cluster.remove_node(nodes[int(rest[0])], allow_graceful=True)
    if word == "kill":
        kill(nodes[int(rest[0])], ray_constants.PROCESS_TYPE_RAYLET)
    if word == "kill-head":
        kill(cluster.head_node, ray_constants.PROCESS_TYPE_GCS_SERVER)
        kill(cluster.head_node, ray_constants.PROCESS_TYPE_RAYLET)
    print("done", flush=True)
"""


class Cluster:
    """A head without cores, and the nodes that were added to it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        token = folder.parent / "auth_token"
        if not token.exists():
            token.write_text("0" * 64)
            token.chmod(0o600)
        self.env = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
        self.process = subprocess.Popen(
            [sys.executable, "-c", CLUSTER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | self.env | {"TTQ_BENCH_TEST": str(folder)},
        )
        self.address = self.process.stdout.readline().strip()
        assert self.address, "the cluster did not start"

    def do(self, *words: object) -> str:
        """Carry out a command (see ``CLUSTER``) and return its answer."""
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def end(self) -> None:
        """Kill every process of it."""
        self.process.kill()
        self.process.communicate()
        kill_all(self.folder)


@contextlib.contextmanager
def cluster_of(folder: Path, *cores: int) -> Iterator[Cluster]:
    """Start a cluster with a node for each of ``cores``; end it after the block."""
    cluster = Cluster(folder)
    try:
        for count in cores:
            cluster.do("add", count)
        yield cluster
    finally:
        cluster.end()


class Join:
    """A node that joins a cluster from this machine, in mounts or with variables of its own."""

    def __init__(self, cluster, folder, *before, cores=1, **env):
        self.folder = folder
        words = [*before, RAY, "start", f"--address={cluster.address}", f"--num-cpus={cores}"]
        words.append("--object-store-memory=100000000")
        env = {**os.environ, **cluster.env, "TTQ_BENCH_TEST": str(folder), **env}
        for _ in range(3):  # Ray chooses ports before it binds them: another process may be faster
            done = subprocess.run(
                list(map(str, words)),
                env=env, capture_output=True, text=True, timeout=120, check=False,
            )  # fmt: skip
            if done.returncode == 0:
                return
            self.end()
        raise AssertionError(done.stdout + done.stderr)

    def stop(self):
        """Stop its raylet, so that nothing on it answers and nothing refuses."""
        for process in processes_of(self.folder):
            if "raylet" in Path(f"/proc/{process}/cmdline").read_bytes().decode():
                os.kill(process, signal.SIGSTOP)

    def end(self):
        kill_all(self.folder)


def kill_all(folder: Path) -> None:
    """Kill all processes that bear the mark of ``folder``."""
    for process in processes_of(folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


class Listener:
    """Collects what a driver says, with the time at which it said it."""

    def __init__(self, process: subprocess.Popen) -> None:
        self.process = process
        self.lines: list[tuple[float, str]] = []
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def _listen(self) -> None:
        for line in self.process.stdout:
            self.lines.append((time.monotonic(), line.rstrip()))

    def heard(self, words: str, since: float = 0.0) -> float:
        """Return when a line with ``words`` came after ``since``, 0 if it did not."""
        return next((at for at, line in list(self.lines) if at >= since and words in line), 0.0)

    def wait_for(self, words: str, since: float = 0.0, seconds: float = 120.0) -> float:
        """Return when a line with ``words`` came; waits for it."""
        try:
            wait_until(lambda: self.heard(words, since) or self.ended(), seconds)
            assert self.heard(words, since)
        except AssertionError as error:
            raise AssertionError(f"not said: {words!r} in\n{self.text()}") from error
        return self.heard(words, since)

    def ended(self) -> bool:
        """Return whether the driver ended and all it said is here."""
        return self.process.poll() is not None and not self.thread.is_alive()

    def text(self) -> str:
        """Return all lines."""
        return "\n".join(line for _, line in self.lines)

    def finish(self, seconds: float = 400.0) -> int:
        """Wait for the end of the driver; return its exit code."""
        self.process.wait(seconds)
        self.thread.join()
        self.process.stdout.close()
        return self.process.returncode
