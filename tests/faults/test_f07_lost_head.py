"""F7: the head dies and the driver with it; a new cluster starts while the old worker lives."""

import os
import signal
from pathlib import Path

import pytest

from tests.faults.clusters import Listener, cluster_of
from tests.faults.grid import Grid, parents, processes_of, undisturbed
from tests.tiny_suite import tiny_specs, wait_until
from ttq_bench.records.attempts.lease import earlier_ends, newest_number
from ttq_bench.records.store import read_record

EPOCHS = 300


@pytest.mark.fault("F7")
@pytest.mark.ray
@pytest.mark.full
def test_the_worker_of_a_dead_cluster_is_fenced_off(cache, tmp_path, record_property):
    document = parents(seeds=1, epochs=EPOCHS)
    grid = Grid(tmp_path / "head", document)
    name = tiny_specs(cache, epochs=EPOCHS, methods=("full_precision",))[0].trial_id
    paths = grid.results.trial(name)
    with cluster_of(tmp_path / "old", 1) as old:
        grid.env = old.env
        driver = grid.start("--address", old.address)
        wait_until(lambda: grid.epoch(name) >= 2 or driver.poll() is not None, 120)
        worker = grid.worker(name)
        old.do("kill-head")
        os.kill(driver.pid, signal.SIGKILL)
        driver.communicate()
        with cluster_of(tmp_path / "new", 1) as new:
            said = Listener(grid.start("--address", new.address))
            wait_until(lambda: newest_number(paths) == 2 or said.ended(), 120)
            assert not said.ended(), said.text()
            os.kill(worker, 0)  # the old one is alive
            wait_until(paths.attempt(1).end.exists, 60)
            assert said.finish() == 0, said.text()
    assert earlier_ends(paths.attempt(2))["1"].startswith("superseded: attempt 2 has taken over")
    whole = undisturbed(tmp_path / "whole", document)
    assert grid.records() == whole.records()
    assert read_record(paths.record).run["attempts"][-1]["attempt"] == 2
    record_property(
        "measured",
        "old worker alive when the new attempt began, ended itself as superseded; 1 record,"
        " identical to an undisturbed one",
    )


@pytest.mark.fault("F7")
@pytest.mark.ray
@pytest.mark.full
def test_a_driver_whose_head_dies_ends_with_one_sentence(cache, tmp_path, record_property):
    grid = Grid(tmp_path / "driver", parents(seeds=1, epochs=3000))
    name = tiny_specs(cache, epochs=3000, methods=("full_precision",))[0].trial_id
    with cluster_of(tmp_path / "ray", 1) as cluster:
        grid.env = cluster.env
        said = Listener(grid.start("--address", cluster.address))
        wait_until(lambda: grid.epoch(name) >= 1 or said.ended(), 120)
        cluster.do("kill-head")
        code = said.finish(120)
    assert code == 69, said.text()
    assert "Traceback" not in said.text()
    assert said.text().count("run the same command again") == 1
    record_property("measured", f"a driver whose head died: exit {code}, one sentence")


@pytest.mark.fault("F7")
@pytest.mark.ray
@pytest.mark.full
@pytest.mark.parametrize("program", ["gcs_server", "raylet"])
def test_a_run_whose_own_ray_is_killed_ends_with_one_sentence(
    program, cache, tmp_path, record_property
):
    grid = Grid(tmp_path / "own", parents(seeds=1, epochs=3000))
    name = tiny_specs(cache, epochs=3000, methods=("full_precision",))[0].trial_id
    said = Listener(grid.start())
    wait_until(lambda: grid.epoch(name) >= 1 or said.ended(), 120)
    (process,) = (p for p in processes_of(grid.folder) if program_of(p) == program)
    os.kill(process, signal.SIGKILL)
    code = said.finish(120)
    assert code == 69, said.text()
    assert "Traceback" not in said.text()
    assert said.text().count("run the same command again") == 1
    wait_until(lambda: grid.worker(name) not in processes_of(grid.folder), 30)
    record_property("measured", f"{program} of a run without --address killed: exit {code}")


def program_of(process):
    """Return the name of the program that a process runs."""
    return Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")[0].decode().rpartition("/")[2]
