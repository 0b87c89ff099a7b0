"""F8: the cable of the node that trains is pulled, and plugged in again when another one trains.

Left alone, the cut-off worker ends with its node's Ray process after a minute, before the cable is
back. So it is stopped before the cable is pulled, and wakes up late, with the way to all free.
"""

import os
import signal
import time

import pytest

from tests.faults.clusters import Listener
from tests.faults.grid import Grid, parents, undisturbed
from tests.faults.namespaces import PORT, hosts_with_ray
from tests.tiny_suite import wait_until
from ttq_bench.records.attempts.lease import newest_number
from ttq_bench.records.store import read_record
from ttq_bench.training.checkpoints import KEEP

EPOCHS = 60
SECONDS = 90.0


@pytest.mark.fault("F8")
@pytest.mark.ray
@pytest.mark.full
def test_a_node_that_is_cut_off_is_replaced_and_its_late_work_is_rejected(
    cache, tmp_path, record_property
):
    document = parents(seeds=1, epochs=EPOCHS)
    document["training"]["full_precision"]["batch_size"] = 4  # epochs of a second
    grid = Grid(tmp_path / "partition", document)
    token = tmp_path / "auth_token"
    token.write_text("0" * 64)
    env = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
    with hosts_with_ray(tmp_path / "ray", env, cores=(1, 1)) as hosts:
        grid.before, grid.env = ("ip", "netns", "exec", hosts.names[0]), env
        said = Listener(grid.start("--address", f"10.213.0.1:{PORT}", "--silence", "300s"))
        wait_until(lambda: said.ended() or any(started(grid)), 180)
        assert not said.ended(), said.text()
        (name,) = started(grid)
        paths = grid.results.trial(name)
        wait_until(lambda: grid.epoch(name) >= 2, 120)
        worker = grid.worker(name)
        host = hosts.of_process(worker)
        os.kill(worker, signal.SIGSTOP)
        hosts.cable(host, "down")
        begun = time.monotonic()
        wait_until(lambda: newest_number(paths) == 2 or said.ended(), 150)
        delay = time.monotonic() - begun
        # Once the new attempt has as many checkpoints as are kept, it deletes those of the old one.
        wait_until(lambda: said.ended() or len(written(paths.attempt(2))) >= KEEP, 120)
        wait_until(lambda: not written(paths.attempt(1)), 20)
        hosts.cable(host, "up")
        os.kill(worker, signal.SIGCONT)
        awake = time.monotonic()
        wait_until(lambda: not is_alive(worker), 60)
        lived = time.monotonic() - awake
        assert not paths.record.exists()
        code = said.finish(600)
    assert code == 0, said.text()
    assert not written(paths.attempt(1))
    assert delay < SECONDS
    record = read_record(paths.record)
    ended = record.run["earlier_attempts_ended"]
    last = record.run["attempts"][-1]
    assert last["attempt"] == 2
    at = last["after_epoch"]
    whole = undisturbed(tmp_path / "whole", document)
    assert grid.records() == whole.records()
    record_property(
        "measured",
        f"new attempt {delay:.0f} s after the cable was pulled, from epoch {at} on"
        f" ({ended['1']}); the cut-off worker, stopped before, woke up with the cable back while"
        f" the new attempt trained: wrote nothing, ended after {lived:.1f} s; 1 record, identical",
    )


def is_alive(process):
    """Return whether a process runs."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def written(attempt):
    """Return the checkpoints of an attempt."""
    return sorted(attempt.checkpoints.glob("*.pt"))


def started(grid):
    """Return the trials that have trained an epoch."""
    folders = (grid.results.root / "work").glob("*-*/")
    return [folder.name for folder in folders if grid.epoch(folder.name) >= 1]
