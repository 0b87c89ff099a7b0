"""F5: workers die in four ways, each at its first attempt; the grid goes on and says why."""

import os
import resource
import signal
import threading

import pytest

from tests.faults.clusters import Listener
from tests.faults.grid import Grid, injected, only_record, parents, undisturbed
from tests.tiny_suite import tiny_specs, wait_until
from ttq_bench.records.store import read_record

pytestmark = pytest.mark.slow

KINDS = ("SIGKILL", "SIGTERM", "os._exit", "segmentation fault")


def killed_from_outside(grid, trial_ids, seeds):
    """Send each trial's first worker its signal as soon as it has trained an epoch."""

    def kill(trial_id, number):
        wait_until(lambda: grid.epoch(trial_id) >= 1, 300)
        os.kill(grid.worker(trial_id), number)

    numbers = {0: signal.SIGKILL, 1: signal.SIGTERM}
    threads = [
        threading.Thread(target=kill, args=(trial_ids[seed], numbers[seed % 4]))
        for seed in seeds
        if seed % 4 in numbers
    ]
    for thread in threads:
        thread.start()
    return threads


@pytest.mark.fault("F5")
@pytest.mark.ray
def test_a_grid_whose_workers_die_ends_like_an_undisturbed_one_and_names_the_causes(
    cache, tmp_path, times, record_property
):
    seeds = range(4 * times(1, full=5))
    document = parents(seeds=len(seeds), epochs=6)
    other = undisturbed(tmp_path / "whole", document)
    trial_ids = {seed: name for name in other.records() for seed in seeds if f"-s{seed}-" in name}
    grid = Grid(tmp_path / "dying", document, env=injected("none,none,exit,segfault@1"))
    driver = grid.start()
    threads = killed_from_outside(grid, trial_ids, seeds)
    output, _ = driver.communicate(timeout=900)
    for thread in threads:
        thread.join()
    assert driver.returncode == 0, output
    assert grid.records() == other.records()
    told = []
    for seed in seeds:
        record = read_record(grid.results.trial(trial_ids[seed]).record)
        ended = record.run["earlier_attempts_ended"]
        assert list(ended) == ["1"]
        assert ended["1"].startswith("crash: WorkerCrashedError"), ended
        assert [attempt["after_epoch"] for attempt in record.run["attempts"]] in ([0, 1], [0, 2])
        told.append(KINDS[seed % 4])
    assert output.count("its worker died (WorkerCrashedError") == len(seeds)
    record_property(
        "measured",
        f"{', '.join(f'{told.count(kind)} times {kind}' for kind in KINDS)}: {len(told)} of"
        f" {len(told)} records identical, at most one epoch repeated, each with its cause",
    )


@pytest.mark.fault("F5")
@pytest.mark.ray
@pytest.mark.full
def test_a_worker_that_dies_while_the_driver_can_write_nothing_is_replaced(
    cache, tmp_path, record_property
):
    document = parents(seeds=1, epochs=40)
    grid = Grid(tmp_path / "full", document)
    name = tiny_specs(cache, epochs=40, methods=("full_precision",))[0].trial_id
    said = Listener(grid.start())
    wait_until(lambda: grid.epoch(name) >= 1 or said.ended(), 120)
    _, hard = resource.prlimit(said.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(said.process.pid, resource.RLIMIT_FSIZE, (0, hard))
    os.kill(grid.worker(name), signal.SIGKILL)
    said.wait_for(f"{name}: its worker died")
    resource.prlimit(said.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
    assert said.finish() == 0, said.text()
    record = only_record(grid)
    assert record.run["earlier_attempts_ended"] == {"1": "unknown: its driver ended, too"}
    whole = undisturbed(tmp_path / "whole", document)
    assert grid.records() == whole.records()
    record_property("measured", "SIGKILL while the driver may write no byte: replaced, identical")
