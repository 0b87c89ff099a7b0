"""A node without images gets them from the driver: once, checked, mapped by all trials there."""

import os
import subprocess

import pytest
import yaml

from tests.data.builders import random_images, write_class_folders
from tests.faults.clusters import Join, cluster_of
from tests.faults.test_f15_surroundings import in_namespace
from tests.tiny_suite import COMMAND, tiny_document
from tests.trial.same_trial import assert_same_trial
from ttq_bench.cli import main
from ttq_bench.records.attempts.lease import read_lease
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.store import record_files

pytestmark = [pytest.mark.slow, pytest.mark.ray]


def run_of(folder, name, *words):
    """Return the words of a run of two trials on the images in ``folder``, and its results."""
    document = tiny_document(epochs=1, methods=("full_precision",), seeds=[0, 1])
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(document | {"datasets": ["mnist"]}), encoding="utf-8")
    results = ResultsPaths(folder / name)
    words = ["run", path, "--data-dir", folder / "data", "--results", results.root, *words]
    return [*map(str, words), "--threads", "1", "--no-report"], results


def test_trials_on_a_node_without_images_are_those_of_the_driver_s_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("TTQ_BENCH_CACHE", str(tmp_path / "cache"))
    for split, count, seed in (("train", 5100, 0), ("test", 60, 1)):
        images = random_images(count, (28, 28, 1), seed)
        write_class_folders(tmp_path / "data" / split, images, [n % 10 for n in range(count)])
    words, alone = run_of(tmp_path, "alone", "--backend", "inprocess")
    assert main(words) == 0
    # The node has a cache of its own under the same path, and nothing where the images should be.
    own, empty = tmp_path / "of the node", tmp_path / "empty"
    own.mkdir()
    empty.mkdir()
    mounts = in_namespace(
        f"mount --bind '{own}' {tmp_path / 'cache'}", f"mount --bind {empty} {tmp_path / 'data'}"
    )
    with cluster_of(tmp_path / "ray") as cluster:
        join = Join(cluster, tmp_path / "join", *mounts, cores=2)
        try:
            words, there = run_of(tmp_path, "there", "--address", cluster.address)
            done = subprocess.run(
                [*COMMAND, *words], env=os.environ | cluster.env,
                capture_output=True, text=True, timeout=300, check=False,
            )  # fmt: skip
        finally:
            join.end()
    assert done.returncode == 0, done.stdout + done.stderr
    trials = [path.parent.name for path in record_files(there)]
    assert len(trials) == 2
    for name in trials:
        assert read_lease(there.trial(name).attempt(1)).node
        assert_same_trial(there.trial(name), alone.trial(name))
    (made,) = [path for path in (own / "prepared").iterdir() if path.is_dir()]
    assert made.name.startswith("mnist-png-subset-")
    (here,) = [path for path in (tmp_path / "cache" / "prepared").iterdir() if path.is_dir()]
    manifests = [(folder / "manifest.json").read_bytes() for folder in (made, here)]
    assert manifests[0] == manifests[1]
