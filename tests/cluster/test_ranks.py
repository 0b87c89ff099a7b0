"""A trial of two ranks on two nodes, one of which is lost and replaced much later."""

import pytest

from tests.execution.ray.test_ranks import document
from tests.faults.clusters import Listener, cluster_of
from tests.faults.grid import Grid
from tests.tiny_suite import wait_until
from ttq_bench.records.attempts.lease import read_lease
from ttq_bench.records.store import read_record, record_files

pytestmark = pytest.mark.ray
EPOCHS = 30


@pytest.mark.full
def test_a_trial_that_loses_the_node_of_its_first_rank_waits_for_another_and_goes_on(tmp_path):
    with cluster_of(tmp_path / "ray") as cluster:
        nodes = [cluster.do("add", 1) for _ in range(2)]
        words = ("--threads", "1", "--address", cluster.address, "--ranks", "2")
        grid = Grid(tmp_path / "grid", document(EPOCHS), words, env=cluster.env)
        driver = grid.start()
        said = Listener(driver)
        try:
            wait_until(lambda: list(grid.results.root.glob("work/*/attempts/*.lease.json")), 120)
            (lease,) = grid.results.root.glob("work/*/attempts/*.lease.json")
            name = lease.parent.parent.name
            wait_until(lambda: grid.epoch(name) >= 2, 60)
            cluster.do("kill", nodes.index(read_lease(grid.results.trial(name).attempt(1)).node))
            wait_until(lambda: any("waiting for one to join" in line for _, line in said.lines), 90)
            cluster.do("add", 1)
            wait_until(lambda: driver.poll() is not None, 180)
        finally:
            driver.kill()
            driver.communicate()
    assert driver.returncode == 0, said.lines
    record = read_record(next(iter(record_files(grid.results))))
    assert record.epochs_done == EPOCHS
    assert record.run["earlier_attempts_ended"] == {"1": "node: its node is gone"}
    assert record.run["attempts"][-1]["after_epoch"] >= 2
