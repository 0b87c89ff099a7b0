"""Hosts as network namespaces on one bridge, so that a cable can be pulled. Needs root."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.clusters import RAY, kill_all

BRIDGE = "ttqbr"
PORT = 6399
DASHBOARD = "http://10.213.0.1:8265"
OUTSIDE = "10.213.0.254"  # of this machine itself, which is none of the hosts


def run(*words: object, check: bool = True) -> str:
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(map(str, words))}: {done.stdout}{done.stderr}")
    return done.stdout


class Hosts:
    """Namespaces ``ttq1``, ``ttq2``, ... with the addresses 10.213.0.1, .2, ..."""

    def __init__(self, count: int) -> None:
        self.names = [f"ttq{number}" for number in range(1, count + 1)]
        run("ip", "link", "add", BRIDGE, "type", "bridge")
        run("ip", "addr", "add", f"{OUTSIDE}/24", "dev", BRIDGE)
        run("ip", "link", "set", BRIDGE, "up")
        for number, name in enumerate(self.names, start=1):
            run("ip", "netns", "add", name)
            run("ip", "link", "add", f"{name}out", "type", "veth", "peer", "name", f"{name}in")
            run("ip", "link", "set", f"{name}in", "netns", name)
            run("ip", "link", "set", f"{name}out", "master", BRIDGE, "up")
            inside = ("ip", "netns", "exec", name, "ip")
            run(*inside, "addr", "add", f"10.213.0.{number}/24", "dev", f"{name}in")
            run(*inside, "link", "set", f"{name}in", "up")
            run(*inside, "link", "set", "lo", "up")

    def cable(self, name: str, state: str) -> None:
        """Set the link of a host ``up`` or ``down``."""
        run("ip", "link", "set", f"{name}out", state)

    def of_process(self, process: int) -> str:
        """Return the host that a process runs on."""
        (name,) = [n for n in self.names if str(process) in run("ip", "netns", "pids", n).split()]
        return name

    def remove(self) -> None:
        for name in self.names:
            run("ip", "link", "del", f"{name}out", check=False)
            run("ip", "netns", "del", name, check=False)
        run("ip", "link", "del", BRIDGE, check=False)


@contextlib.contextmanager
def hosts_with_ray(
    folder: Path, env: dict[str, str], *, cores: tuple[int, ...], dashboard: bool = False
) -> Iterator[Hosts]:
    """Start a head without cores on the first host, and a node on each further one."""
    mark = os.environ | env | {"TTQ_BENCH_TEST": str(folder)}
    folder.mkdir()
    try:
        hosts = Hosts(1 + len(cores))
    except (AssertionError, FileNotFoundError) as error:
        pytest.skip(f"no network namespaces here: {str(error).splitlines()[0]}")
    try:
        for number, (name, count) in enumerate(zip(hosts.names, (0, *cores), strict=True), start=1):
            role = ["--head", f"--port={PORT}", f"--include-dashboard={dashboard}"]
            role.append("--dashboard-host=10.213.0.1")
            if number > 1:
                role = [f"--address=10.213.0.1:{PORT}"]
            words = ["ip", "netns", "exec", name, RAY, "start", *role, f"--num-cpus={count}"]
            words += [f"--node-ip-address=10.213.0.{number}", "--object-store-memory=100000000"]
            subprocess.run(list(map(str, words)), env=mark, check=True, capture_output=True)
        yield hosts
    finally:
        kill_all(folder)
        hosts.remove()
