"""``ttq-bench doctor --cluster`` on real clusters, of nodes that are not as they should be."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

import ttq_bench
from tests.data.builders import random_images, write_class_folders
from tests.faults.clusters import Join, cluster_of, kill_all
from tests.faults.test_f15_surroundings import in_namespace
from tests.tiny_suite import COMMAND
from ttq_bench.provenance import arithmetic

pytestmark = [pytest.mark.slow, pytest.mark.ray]
PACKAGE = Path(ttq_bench.__file__).parent


@pytest.fixture
def doctor(tmp_path):
    """Return what ``doctor --cluster --json`` says, and its exit code; looks at ``tmp_path``."""

    def examine(*words, env=None):
        folders = ["--results", tmp_path / "results", "--data-dir", tmp_path / "data"]
        done = subprocess.run(
            list(map(str, [*COMMAND, "doctor", "--json", *folders, *words])),
            capture_output=True, text=True, timeout=300, check=False,
            env={**os.environ, "TTQ_BENCH_TEST": str(tmp_path / "driver"), **(env or {})},
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, json.loads(done.stdout)

    yield examine
    kill_all(tmp_path / "driver")


def rows_of(told, state):
    return [row for row in told["cluster"] if row["state"] == state]


def test_a_ray_of_our_own_is_one_node_on_which_all_is_as_here(doctor, tmp_path):
    code, told = doctor("--cluster")
    assert code == 0
    (node,) = told["nodes"]
    assert node["report"]["code"]["arithmetic"] == arithmetic()
    assert node["report"]["results"] == ""
    assert node["report"]["step_ms"] > 0
    assert abs(node["skew_seconds"]) < 1
    assert [row["check"] for row in told["cluster"]] == ["cluster"]
    assert told["cluster"][0]["found"].startswith("1 of 1 nodes answered, ")
    assert not (tmp_path / "results").exists()


def test_a_node_with_another_view_another_clock_and_other_code_is_told_apart(doctor, tmp_path):
    results, data, other = (tmp_path / name for name in ("results", "data", "other"))
    results.mkdir()
    for folder, seed in ((data, 0), (other, 1)):
        for split in ("train", "test"):
            images = random_images(10, (28, 28, 1), seed)
            write_class_folders(folder / split, images, range(10))
    (tmp_path / "injected").mkdir()
    (tmp_path / "injected" / "sitecustomize.py").write_text(
        "import time\nreal = time.time\ntime.time = lambda: real() + 60\n"
    )
    mounts = in_namespace(
        f"mount -t tmpfs none {results}",
        f"mount --bind {other} {data}",
        f"mount --bind {changed_copy(tmp_path / 'code')} {PACKAGE}",
    )
    with cluster_of(tmp_path / "ray") as cluster:
        join = Join(cluster, tmp_path / "join", *mounts, PYTHONPATH=str(tmp_path / "injected"))
        try:
            code, told = doctor("--address", cluster.address, env=cluster.env)
        finally:
            join.end()
    assert code == 69
    assert [node["reason"] for node in told["nodes"]] == ["", ""]
    summary, *rows = told["cluster"]
    assert summary["found"] == "2 of 2 nodes answered, 1 cores and 0 GPUs"
    # Both run on this machine, whose other work may slow one of them down.
    rows = [row for row in rows if not row["found"].startswith("a step takes ")]
    assert len({row["check"] for row in rows}) == 1, rows  # the head sees all as the driver does
    code, *images, folder, clock = (row["found"] for row in rows)
    assert code.startswith("other code computes there: ")
    assert code.endswith(f"(here {arithmetic()})")
    assert [told.partition(":")[0] for told in images] == ["fashion_mnist", "mnist"]
    for told in images:
        assert told.count("mnist-png-subset: 10 training and 10 test images, folders, sha256:") == 2
    assert folder == f"{results}: is another folder"
    assert 55 < float(clock.split()[3]) < 65
    assert [row["state"] for row in rows] == ["problem"] * 4 + ["warning"]
    assert not list(results.iterdir())


def changed_copy(folder):
    """Return a copy of the package that computes the same, by other text."""
    shutil.copytree(PACKAGE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    changed = folder / "ternary" / "gradients.py"
    changed.write_text(changed.read_text() + "\n# a comment\n")
    return folder


@pytest.mark.full
def test_a_node_that_does_not_answer_is_a_row_and_is_not_waited_for(doctor, tmp_path):
    with cluster_of(tmp_path / "ray") as cluster:
        join = Join(cluster, tmp_path / "join")
        join.stop()
        try:
            code, told = doctor("--address", cluster.address, "--timeout", "15s", env=cluster.env)
        finally:
            join.end()
    assert code == 69
    (row,) = rows_of(told, "problem")  # that of the head, if it was too slow, is a warning
    assert row["found"] == "no answer within 15 s"
    (node,) = [node for node in told["nodes"] if node["node"]["cores"]]
    assert (node["report"], node["reason"]) == (None, row["found"])


def test_a_cluster_that_is_not_there_is_a_row_after_all_others(doctor, tmp_path):
    code, told = doctor("--address", "127.0.0.1:1", env={"RAY_AUTH_MODE": "disabled"})
    assert code == 69
    assert len(told["checks"]) > 10
    (row,) = told["cluster"]
    assert row["found"] == "--address 127.0.0.1:1: nobody answers there (Connection refused)"
    assert row["advice"].startswith("start the cluster with `ray start --head`")
