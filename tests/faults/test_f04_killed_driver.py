"""F4: the driver is killed at random times; the same command is given again and again.

At once, while the workers of the dead driver may still live: the next attempt fences them off.
"""

import os
import random
import signal
import time

import pytest

from tests.faults.grid import Grid, processes_of, undisturbed
from tests.tiers import FULL
from tests.tiny_suite import tiny_document, wait_until
from ttq_bench.records.attempts.lease import newest_number
from ttq_bench.records.store import read_record

pytestmark = pytest.mark.full

SOONEST, LATEST = 0.5, 7.0  # seconds after its start: before, within and after that of Ray
AGENTS_SECONDS = 120.0  # two small processes of Ray ask the dead cluster for 60 s before they end


@pytest.mark.fault("F4")
@pytest.mark.ray
def test_a_grid_whose_drivers_are_killed_ends_like_an_undisturbed_one(
    cache, tmp_path, times, record_property
):
    kills = times(4, full=200)
    document = tiny_document(epochs=40 if kills < 100 else 200, seeds=[0, 1])
    grid, other = Grid(tmp_path / "killed", document), undisturbed(tmp_path / "whole", document)
    chance = random.Random(4)
    done, late, reached = 0, 0, []
    while done < kills:
        driver = grid.start()
        time.sleep(chance.uniform(SOONEST, LATEST))
        late += driver.poll() is not None
        os.kill(driver.pid, signal.SIGKILL)
        driver.stdout.close()
        driver.wait()
        reached += [(name, *where(grid, name)) for name in other.records()]
        done += 1
    code, output = grid.finish(seconds=1800)
    assert code == 0, output
    assert grid.records() == other.records()
    assert len(grid.records()) == 6
    records = {name: read_record(grid.results.trial(name).record) for name in other.records()}
    lost = [epochs_lost(records[name], attempt, epoch) for name, attempt, epoch in reached]
    assert max(lost) == 0, "an epoch that was done when its driver died was done again"
    assert late == 0, "the grid was finished before the last kill: it is too small"
    told = (
        f"{kills} kills {SOONEST} to {LATEST:.0f} s after the start of a driver: 6 of 6 records"
        " identical apart from times, 0 lost, 0 twice; no whole epoch lost by any trial at any kill"
    )
    if FULL:  # a minute of waiting
        begun = time.monotonic()
        wait_until(lambda: not processes_of(grid.folder), AGENTS_SECONDS)
        told += f"; no process left {time.monotonic() - begun:.0f} s after the end"
    record_property("measured", told)


def where(grid, name):
    """Return the newest attempt at a trial, and the last whole epoch that it told of."""
    return newest_number(grid.results.trial(name)), grid.epoch(name)


def epochs_lost(record, attempt, epoch):
    """Return how many whole epochs were repeated by the attempts after one that reached ``epoch``.

    The epoch that had begun is lost besides.
    """
    later = [one["after_epoch"] for one in record.run["attempts"] if one["attempt"] > attempt]
    return max([0, *(epoch - after for after in later)])
