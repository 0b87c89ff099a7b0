"""Nodes that fail while they are asked, each in its own way."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.clusters import Join, cluster_of, kill_all

pytestmark = pytest.mark.slow

ASK = """
import json, sys
from tests.execution.ray.test_doctor import question
from ttq_bench.execution.ray import security
from ttq_bench.trial.settings import ClusterOptions
security.prepare(sys.argv[1], None)
from ttq_bench.execution.ray.doctor import ask_nodes
answers = ask_nodes(ClusterOptions(1, 0, sys.argv[1]), question, {"secret": "s"}, 60.0)
print(json.dumps([[one.node.cores, one.told, one.reason] for one in answers]))
"""


def question(secret):
    """What nodes are asked here; those of folders ``dies`` and ``raises`` cannot answer."""
    role = Path(os.environ["TTQ_BENCH_TEST"]).name
    if role == "dies":
        os.kill(os.getppid(), signal.SIGKILL)  # the node's raylet, which takes this worker along
        time.sleep(600)
    if role == "raises":
        raise ValueError("no such thing\nhere")
    return {"role": role, "secret": secret}


@pytest.mark.ray
def test_each_node_answers_for_itself_or_says_why_it_cannot(tmp_path):
    joined = []
    with cluster_of(tmp_path / "head") as cluster:
        try:
            joined += [Join(cluster, tmp_path / role, cores=n) for n, role in ROLES.items()]
            words = [sys.executable, "-c", ASK, cluster.address]
            env = os.environ | cluster.env | {"TTQ_BENCH_TEST": str(tmp_path / "driver")}
            begun = time.monotonic()
            done = subprocess.run(
                words, capture_output=True, text=True, env=env, timeout=200, check=True
            )
        finally:
            for node in joined:
                node.end()
            kill_all(tmp_path / "driver")
    assert time.monotonic() - begun < 60  # nobody was waited for in vain
    told = {cores: (answer, reason) for cores, answer, reason in json.loads(done.stdout)}
    assert told[0.0] == ({"role": "head", "secret": "s"}, "")
    assert told[1.0][0] is None
    assert told[1.0][1] == "went away while it was asked" or "Died" in told[1.0][1]
    assert told[2.0] == (None, "ValueError: no such thing")


ROLES = {1: "dies", 2: "raises"}
