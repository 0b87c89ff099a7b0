"""The threads of trials on a cluster whose nodes have other numbers of cores than this machine."""

import os
import subprocess

import pytest

from tests.faults.clusters import cluster_of
from tests.tiny_suite import COMMAND, write_suite
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.store import read_record, record_files

pytestmark = [pytest.mark.slow, pytest.mark.ray]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A head without cores, a node with three and one with five."""
    with cluster_of(tmp_path_factory.mktemp("cluster") / "ray", 3, 5) as made:
        yield made


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
    assert "2 trials side by side, 3 threads each (8 cores, 0 GPUs found)" in said


@pytest.mark.full
def test_threads_that_were_asked_for_win(cluster, tmp_path):
    said, threads = ran(cluster, tmp_path, "--threads", "2")
    assert threads == [2, 2]
    assert "3 trials side by side, 2 threads each (8 cores, 0 GPUs found)" in said


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
