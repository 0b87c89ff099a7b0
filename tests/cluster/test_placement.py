"""Where trials go by what they ask for, and what threads they get, on nodes that are not alike.

Ray believes ``num_gpus=1`` of a node; whether a GPU computes there is for machines that have one.
"""

import os
import subprocess
import sys
from datetime import datetime

import pytest

from tests.faults.clusters import cluster_of
from tests.tiny_suite import COMMAND, write_suite
from ttq_bench.records.attempts.lease import read_lease
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.store import read_record, record_files

pytestmark = [pytest.mark.slow, pytest.mark.ray]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A node with three cores, one with five and a GPU; the head takes no trial."""
    with cluster_of(tmp_path_factory.mktemp("cluster") / "ray", 3) as made:
        made.gpu_node = made.do("add", 5, 1)
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


def ran(cluster, folder, *words):
    """Return what a run of two trials said, and the threads in each of its records."""
    suite = write_suite(folder, epochs=1, methods=("full_precision",), seeds=[0, 1])
    done = subprocess.run(
        [*COMMAND, "run", suite, "--address", cluster.address, "--device", "cpu", "--no-report",
         "--results", folder / "results", *words],
        env=os.environ | cluster.env, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    records = map(read_record, record_files(ResultsPaths(folder / "results")))
    return done.stdout, [record.run["threads"] for record in records]


def test_trials_get_the_threads_that_the_smallest_node_has(cluster, tmp_path):
    said, threads = ran(cluster, tmp_path)
    assert threads == [3, 3]
    assert "2 trials side by side, 3 threads each (8 cores, 1 GPU found)" in said


@pytest.mark.full
def test_threads_that_were_asked_for_win(cluster, tmp_path):
    said, threads = ran(cluster, tmp_path, "--threads", "2")
    assert threads == [2, 2]
    assert "3 trials side by side, 2 threads each (8 cores, 1 GPU found)" in said


def test_a_wrong_token_is_said_before_anything_is_done(cluster, tmp_path):
    words = [*COMMAND, "run", write_suite(tmp_path), "--address", cluster.address]
    done = subprocess.run(
        [*words, "--results", tmp_path / "results"],
        env=os.environ | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "f" * 64},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 69, done.stderr
    assert f"the Ray cluster at {cluster.address} does not tell its nodes (" in done.stderr
    assert "it may have another token" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "results").exists()
