"""F6: nodes of a cluster go, by SIGKILL and by removal, at last all of them; then one comes."""

import time

import pytest

from tests.faults.clusters import Listener, cluster_of
from tests.faults.grid import Grid, parents, undisturbed
from tests.tiny_suite import wait_until
from ttq_bench.records.attempts.lease import newest_number, read_lease
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.store import read_record

EPOCHS = 150
SECONDS = 5.0


def running_on(results: ResultsPaths, node: str) -> str:
    """Return the trial whose newest attempt runs on ``node``, empty if there is none."""
    for folder in (results.root / "work").glob("*-*/"):
        paths = results.trial(folder.name)
        number = newest_number(paths)
        lease = read_lease(paths.attempt(number)) if number else None
        if lease and lease.node == node and not paths.record.exists():
            return folder.name
    return ""


def lose(grid, cluster, said, node, command):
    """Let a node go; return its trial, and when and after how many seconds it was handed on."""
    trial = running_on(grid.results, node)
    assert trial, "every node has a trial"
    begun = time.monotonic()
    cluster.do(*command)
    told = said.wait_for(f"{trial}: its node was lost", begun)
    return trial, told, told - begun


@pytest.mark.fault("F6")
@pytest.mark.ray
@pytest.mark.full
def test_a_grid_outlives_its_nodes(cache, tmp_path, record_property):
    document = parents(seeds=3, epochs=EPOCHS)
    grid = Grid(tmp_path / "nodes", document)
    with cluster_of(tmp_path / "ray") as cluster:
        nodes = [cluster.do("add", 2) for _ in range(3)]
        grid.env = cluster.env
        said = Listener(grid.start("--address", cluster.address))
        wait_until(lambda: said.ended() or sum(grid.epoch(n) >= 1 for n in names(grid)) == 3, 120)
        assert not said.ended(), said.text()
        wait_until(lambda: all(running_on(grid.results, node) for node in nodes), 60)
        trial, told, killed = lose(grid, cluster, said, nodes[0], ("kill", 0))
        wait_until(lambda: newest_number(grid.results.trial(trial)) == 2, 60)  # there is room
        at_work = time.monotonic() - told
        _, _, removed = lose(grid, cluster, said, nodes[1], ("remove", 1))
        begun = time.monotonic()
        cluster.do("kill", 2)
        waited = (
            said.wait_for("no node has what a trial needs (cores: 1); waiting for one", begun)
            - begun
        )
        begun = time.monotonic()
        cluster.do("add", 2)
        joined = said.wait_for("joined: 2 cores", begun) - begun
        assert said.finish() == 0, said.text()
    assert max(killed, removed) < SECONDS
    whole = undisturbed(tmp_path / "whole", document)
    assert grid.records() == whole.records()
    records = [read_record(grid.results.trial(name).record) for name in names(grid)]
    ends = [record.run["earlier_attempts_ended"] for record in records]
    assert any(text.startswith("node: ") for one in ends for text in one.values()), ends
    record_property(
        "measured",
        f"its trial handed on {killed:.1f} s after a raylet was killed ({at_work:.1f} s more for a"
        f" new worker), {removed:.1f} s after a node was removed; all lost: said after {waited:.1f}"
        f" s; a new node used, said after {joined:.1f} s; 3 of 3 records identical",
    )


def names(grid):
    work = grid.results.root / "work"
    return [folder.name for folder in work.glob("*-*/")]
