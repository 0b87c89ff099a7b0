"""The servers of a Ray of our own, stood in for by processes of their names."""

import shutil
import subprocess
import sys
import time

import pytest

from tests.tiny_suite import wait_until
from ttq_bench.errors import ClusterError
from ttq_bench.execution.ray import processes
from ttq_bench.execution.ray.processes import OwnProcesses

HANGS = """
import subprocess, sys, time
from ttq_bench.execution.ray import processes
processes.GRACE_SECONDS = 0.5
watched = processes.OwnProcesses()
servers = [subprocess.Popen([path, "100"]) for path in sys.argv[1:]]
while len(watched.seen) < 2:
    time.sleep(0.05)
servers[0].kill()
time.sleep(100)
"""


@pytest.fixture
def servers(tmp_path):
    """Programs of the names of Ray's servers, which wait."""
    sleep = shutil.which("sleep")
    return [shutil.copy(sleep, tmp_path / name) for name in processes.NAMES]


@pytest.mark.parametrize("which", [0, 1])
def test_a_server_that_is_killed_is_noticed_by_the_driver(servers, which):
    left = []
    watched = OwnProcesses(lambda: left.append(True))
    children = [subprocess.Popen([path, "100"]) for path in servers]
    try:
        wait_until(lambda: len(watched.seen) == 2)
        watched.check()
        children[which].kill()
        wait_until(watched.lost.is_set)
        with pytest.raises(ClusterError, match="run the same command again"):
            watched.check()
        watched.close()
        watched.thread.join(30)
        assert not left
    finally:
        for child in children:
            child.kill()
            child.wait()


def test_servers_that_end_after_they_were_let_go_are_no_loss(servers):
    watched = OwnProcesses(lambda: None)
    children = [subprocess.Popen([path, "100"]) for path in servers]
    wait_until(lambda: len(watched.seen) == 2)
    watched.close()
    for child in children:
        child.kill()
        child.wait()
    watched.thread.join(30)
    watched.check()


def test_a_driver_that_hangs_in_a_call_ends_with_one_sentence_and_its_servers(servers):
    begun = time.monotonic()
    words = [sys.executable, "-c", HANGS, *map(str, servers)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=90, check=False)
    assert (done.returncode, done.stdout) == (69, "")
    assert done.stderr == f"ttq-bench: {processes.ENDED}\n"
    assert time.monotonic() - begun < 90
    assert not [child for child in servers if _runs(child)]


def _runs(path):
    done = subprocess.run(["pgrep", "-f", f"^{path} 100$"], capture_output=True, check=False)
    return done.returncode == 0
