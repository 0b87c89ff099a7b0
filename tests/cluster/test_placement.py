"""Where trials go by what they ask for: nodes with cores alone, and one with a GPU that is not.

Ray believes ``num_gpus=1`` of a node; whether a GPU computes there is for machines that have one.
"""

import os
import subprocess
import sys
from datetime import datetime

import pytest

from tests.faults.clusters import cluster_of
from ttq_bench.records.attempts.lease import read_lease
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.store import read_record, record_files

pytestmark = [pytest.mark.slow, pytest.mark.ray]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, cache):
    """A node with cores alone, then one with a GPU; the head takes no trial."""
    with cluster_of(tmp_path_factory.mktemp("cluster") / "ray", 4) as made:
        made.gpu_node = made.do("add", 4, 1)
        yield made


def trained(cluster, results, cache, *, gpus, trials):
    """Return of each trial its node and when it began and ended, in the order of their starts."""
    words = [sys.executable, "-m", "tests.cluster.placed", cluster.address, results, cache]
    done = subprocess.run(
        [*map(str, words), str(gpus), str(trials)],
        env=os.environ | cluster.env, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found = []
    for path in record_files(ResultsPaths(results)):
        lease = read_lease(ResultsPaths(results).trial(path.parent.name).attempt(1))
        ended = read_record(path).run["ended"]
        found.append((lease.node, *map(datetime.fromisoformat, (lease.claimed, ended))))
    assert len(found) == trials
    return sorted(found, key=lambda one: one[1])


def test_a_trial_that_asks_for_a_gpu_never_lands_on_a_node_without_one(cluster, cache, tmp_path):
    found = trained(cluster, tmp_path / "results", cache, gpus=1, trials=2)
    assert {node for node, _, _ in found} == {cluster.gpu_node}
    (_, _, first_end), (_, second_begin, _) = found
    assert first_end <= second_begin  # the GPU was one trial's alone


@pytest.mark.full
def test_trials_with_a_share_of_a_gpu_run_on_it_side_by_side(cluster, cache, tmp_path):
    found = trained(cluster, tmp_path / "results", cache, gpus=0.5, trials=3)
    assert {node for node, _, _ in found} == {cluster.gpu_node}
    (_, _, first_end), (_, second_begin, second_end), (_, third_begin, _) = found
    assert second_begin < first_end  # two of them at a time
    assert third_begin >= min(first_end, second_end)  # and never three
