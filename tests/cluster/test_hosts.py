"""``ttq-bench submit`` from outside to a cluster of three hosts, each in a network of its own.

A node whose cable is pulled is F8 (``tests/faults/test_f08_partition.py``).
"""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.cluster.started import NEEDS_DASHBOARD, token_environment
from tests.faults.clusters import kill_all
from tests.faults.grid import Grid, parents, undisturbed
from tests.faults.namespaces import DASHBOARD, hosts_with_ray
from tests.tiny_suite import COMMAND
from ttq_bench.records.attempts.lease import read_lease
from ttq_bench.records.store import read_record, record_files

pytestmark = [
    pytest.mark.slow,
    pytest.mark.ray,
    pytest.mark.skipif(not find_spec("aiohttp_cors"), reason=NEEDS_DASHBOARD),
]


@pytest.fixture(autouse=True)
def nothing_left(tmp_path):
    """End what a failed test leaves behind."""
    yield
    kill_all(tmp_path)


def test_trials_of_a_submitted_suite_run_on_the_workers_hosts_and_leave_true_records(
    cache, tmp_path
):
    grid = Grid(tmp_path / "submitted", parents(seeds=2, epochs=1))
    env = token_environment(tmp_path)
    words = [*COMMAND, "submit", grid.suite, "--address", DASHBOARD, "--results", grid.results.root]
    words += ["--python", sys.executable, "--no-report"]
    with hosts_with_ray(tmp_path / "ray", env, cores=(1, 1), dashboard=True):
        done = subprocess.run(
            list(map(str, words)),
            env=os.environ | env, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        address_of = addresses(Path(env["RAY_AUTH_TOKEN_PATH"]).read_text())
    assert "2/2 trials, 2/2 epochs" in done.stdout
    records = [read_record(path) for path in record_files(grid.results)]
    assert [record.run["threads"] for record in records] == [1, 1]
    leases = [read_lease(grid.results.trial(record.trial_id).attempt(1)) for record in records]
    assert sorted(address_of[lease.node] for lease in leases) == ["10.213.0.2", "10.213.0.3"]
    whole = undisturbed(tmp_path / "whole", grid.document)
    assert grid.records() == whole.records()


def addresses(token):
    """Return the address of each node by its id, as the head's dashboard tells them."""
    asked = Request(f"{DASHBOARD}/api/v0/nodes", headers={"Authorization": f"Bearer {token}"})
    with urlopen(asked, timeout=30) as answer:
        nodes = json.load(answer)["data"]["result"]["result"]
    return {node["node_id"]: node["node_ip"] for node in nodes}
