"""Runs on Ray whose results are in object storage: nodes and drivers share nothing but the server.

Each node has the folder of all caches to itself, a mount of its own, so it follows the URL alone.
Needs root. Trials with odd seeds fail after an epoch, every time.
"""

import json
import os
import re
import signal
from pathlib import Path

import pytest

from tests.faults.clusters import Join, cluster_of
from tests.faults.grid import injected, processes_of
from tests.faults.test_f15_surroundings import in_namespace
from tests.storage.s3_server import Machine
from tests.storage.test_runs import assert_same_grid, has_checkpoint, wait_until
from tests.tiny_suite import write_suite
from ttq_bench.records.attempts.lease import read_lease
from ttq_bench.records.remote.archives import packed
from ttq_bench.records.remote.store import Mirror
from ttq_bench.records.store import read_record

pytestmark = [pytest.mark.slow, pytest.mark.ray]
ALONE = {"methods": ("full_precision",)}


@pytest.fixture(scope="module")
def caches(tmp_path_factory):
    return tmp_path_factory.mktemp("caches")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, server, caches):
    """A head without cores or credentials, and two nodes of one core that have them."""
    folder = tmp_path_factory.mktemp("cluster")
    apart = in_namespace(f"mount -t tmpfs none {caches}")
    env = server.environment | injected("none,error!@1")
    with cluster_of(folder / "ray") as made:
        made.nodes = []
        try:
            for name in ("one", "two"):
                made.nodes.append(Join(made, folder / name, *apart, **env))
            yield made
        finally:
            for node in made.nodes:
                node.end()


@pytest.fixture
def at(server, caches, url):
    """Make machines by their names."""
    return lambda name: Machine(caches / name, server, url)


@pytest.fixture
def start(at, cluster, tmp_path):
    """Start a driver of the tiny suite on a machine."""

    def driver(name, *more, **changes):
        words = ("--address", cluster.address, "--threads", "1", "--device", "cpu", *more)
        return at(name).start("run", write_suite(tmp_path, **changes), *words, **cluster.env)

    return driver


def finished(driver, code=0):
    """Wait for the end of a driver and return what it said."""
    said, _ = driver.communicate(timeout=240)
    assert driver.returncode == code, said
    assert "Traceback" not in said
    return said


@pytest.mark.full
def test_a_run_whose_driver_is_killed_goes_on_from_another_machine(
    at, start, objects, undisturbed, monkeypatch
):
    killed = start("first", epochs=8)
    wait_until(lambda: has_checkpoint(objects, 2))
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    code, said = at("elsewhere").ask("status", "--json")
    assert code == 0, said
    assert json.loads(said)["counts"]["finished"] == 0
    said = finished(start("second", epochs=8))
    assert f"summary: {objects.url}/summary.md" in said
    code, said = at("elsewhere").ask("status", "--json")
    assert json.loads(said)["counts"]["finished"] == 3, said
    results = at("second").results(monkeypatch)
    parent, *children = sorted(results.trials.iterdir())
    attempts = read_record(parent / "record.json").run["attempts"]
    assert [one["attempt"] for one in attempts] == [1, 2]
    assert attempts[1]["after_epoch"] >= 1
    leases = [read_lease(results.trial(path.name).attempt(1)) for path in children]
    assert len({lease.node for lease in leases}) == 2  # side by side, on both nodes
    for folder in (parent, *children):
        Mirror(objects.url, results).bring_states(results.trial(folder.name))
    assert_same_grid(results, undisturbed(epochs=8))


def test_a_record_that_another_machine_published_meanwhile_stands(
    at, start, objects, undisturbed, monkeypatch
):
    (theirs,) = undisturbed(epochs=8, **ALONE).trials.glob("*-full_precision-*")
    record = packed({path.name: path.read_bytes() for path in theirs.iterdir()})
    driver = start("first", "--no-report", epochs=8, **ALONE)
    wait_until(lambda: any(".lease." in name for name in objects.names("work")))
    assert objects.create(f"trials/{theirs.name}.tar", record)
    finished(driver)
    assert objects.read(f"trials/{theirs.name}.tar") == record
    assert has_checkpoint(objects)  # it was trained here, too
    here = at("first").results(monkeypatch).trial(theirs.name)
    assert here.record.read_bytes() == (theirs / "record.json").read_bytes()


def test_a_run_that_was_stopped_goes_on_on_nodes_that_saw_the_stop(start, objects):
    reached = stopped_after(1, start, objects, "first")
    assert stopped_after(reached, start, objects, "second") > reached


def stopped_after(epoch, start, objects, name):
    """Stop a run once each of its two trials is past ``epoch``; return how far they got."""

    def epochs():
        names = " ".join(objects.names("work"))
        found = [re.findall(rf"-s{seed}-\S+/epoch-(\d+)\.sha256", names) for seed in (0, 2)]
        return [max(map(int, numbers), default=0) for numbers in found]

    driver = start(name, "--no-report", epochs=3000, seeds=[0, 2], **ALONE)
    wait_until(lambda: driver.poll() is not None or min(epochs()) > epoch)
    driver.send_signal(signal.SIGTERM)
    assert "not finished: 2 trials" in finished(driver, 143)
    assert "work/stop" not in objects.names()
    return max(epochs())


def test_no_secret_is_in_what_a_run_with_a_failure_writes_or_says(cluster, start, caches, objects):
    said = finished(start("first", "--no-report", seeds=[0, 1], **ALONE), 3)
    (failure,) = [name for name in objects.names() if name.endswith("failure.json")]
    assert "ValueError" in json.loads(objects.read(failure))["traceback"]
    stored = [objects.read(name) for name in objects.names()]
    nodes = [Path(f"/proc/{processes_of(node.folder)[0]}/root{caches}") for node in cluster.nodes]
    written = [contents(folder) for folder in (caches, *nodes, session_of(cluster))]
    assert all(written)
    for content in [said.encode(), *stored, *(one for found in written for one in found)]:
        assert b"CANARY" not in content.upper()


def test_a_silence_shorter_than_signs_of_life_need_is_refused(start):
    said = finished(start("first", "--silence", "29s", **ALONE), 2)
    assert "--silence: expected at least 30s with results at a URL on a cluster, got 29s" in said


def test_the_doctor_names_the_node_that_cannot_reach_the_store(at, cluster, objects):
    words = ("doctor", "--json", "--address", cluster.address)
    told = json.loads(finished(at("first").start(*words, **cluster.env)))
    found = {node["node"]["cores"]: node["report"]["results"] for node in told["nodes"]}
    assert found[1.0] == ""
    assert found[0.0].startswith("the store refuses access (NoCredentialsError); ")
    # A busy machine may also have a slow node.
    (warning,) = (row for row in told["cluster"][1:] if objects.url in row["found"])
    assert f"{objects.url}: {found[0.0]} (no cores for trials there)" == warning["found"]
    assert warning["advice"].startswith("give Ray's processes there the credentials")
    assert objects.names() == {}


def contents(folder):
    """Return what the files of a folder hold."""
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


def session_of(cluster):
    """Return the folder of the cluster's logs."""
    words = Path(f"/proc/{processes_of(cluster.nodes[0].folder)[0]}/cmdline").read_text()
    return Path(re.search(r"[^=\0]+/ray/session_[^/\0]+", words)[0])
