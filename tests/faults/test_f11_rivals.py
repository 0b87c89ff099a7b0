"""F11: two drivers on one folder, and eight processes that publish or claim the same at once."""

import os
import signal
from pathlib import Path

import pytest

from tests.claimed import LEASE
from tests.faults.broken_files import FORKS
from tests.faults.grid import UNDISTURBED, Grid, parents
from tests.record_builders import publish_record
from tests.records.conftest import make_epochs, make_record
from tests.tiny_suite import wait_until
from ttq_bench.records.attempts.lease import attempt_numbers, claim, why_over
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.schema import EPOCH_COLUMNS
from ttq_bench.records.store import (
    read_record,
    read_table,
    record_files,
    remove_leftovers,
    table_bytes,
)

RIVALS = 8
CLAIMS = 25
LONG = 100_000  # epochs that no test waits for


@pytest.mark.slow
@pytest.mark.fault("F11")
def test_of_two_drivers_on_one_folder_one_goes_on(cache, tmp_path, times, record_property):
    rounds = times(3, full=20)
    document = parents(seeds=1, epochs=LONG)
    grid = Grid(tmp_path, document, UNDISTURBED)
    begun = 0
    for number in range(1, rounds + 1):
        pair = [grid.start(), grid.start()]
        try:
            wait_until(lambda: any(one.poll() is not None for one in pair), 120)  # noqa: B023
            loser, winner = sorted(pair, key=lambda one: one.poll() is None)
            said, _ = loser.communicate(timeout=60)
            assert loser.returncode == 75, said
            told = [line for line in said.splitlines() if line.startswith("ttq-bench: ")]
            assert len(told) == 1
            assert f"process {winner.pid} on " in told[0]
            assert "is at work there; wait for it, stop it, or name another folder" in told[0]
            assert "Traceback" not in said
            (trial_id,) = _trials(grid)
            wait_until(lambda: grid.epoch(trial_id) > begun, 120)  # noqa: B023
            assert winner.poll() is None
            winner.send_signal(signal.SIGTERM)
            said, _ = winner.communicate(timeout=60)
            assert winner.returncode == 128 + signal.SIGTERM, said
        finally:
            for one in pair:
                if one.poll() is None:
                    os.killpg(one.pid, signal.SIGKILL)
                    one.communicate()
        begun = grid.epoch(trial_id)
        # One attempt a round: the loser touched nothing.
        assert attempt_numbers(grid.results.trial(trial_id)) == list(range(1, number + 1))
    record_property(
        "measured",
        f"{rounds} pairs of drivers started at once: one went on each time, the other exit 75",
    )


def _trials(grid):
    wait_until(lambda: list(grid.results.root.glob("work/*/attempts/*.lease.json")), 120)
    return sorted({path.parent.parent.name for path in grid.results.root.glob("work/*/attempts/*")})


def _publish(barrier, number, root, rounds, won):
    """Publish every trial as soon as all rivals are there; tell the rounds that were won."""
    rows = {"epochs.parquet": make_epochs([float(number)] * (number + 1))}
    for k in range(rounds):
        paths = ResultsPaths(Path(root)).trial(f"trial-{k}")
        record = make_record(paths.trial_id, parameter_count=number)
        barrier.wait(60)
        if publish_record(paths, record, rows):
            won.put((k, number))
    won.put(None)


def _claim(barrier, number, root, rounds, won):
    paths = ResultsPaths(Path(root)).trial("trial")
    for _ in range(rounds):
        barrier.wait(60)
        won.put((claim(paths, LEASE).number, number))
    won.put(None)


def rivals(action, root, rounds):
    """Return what ``action`` told in eight processes that meet before each round."""
    barrier, won = FORKS.Barrier(RIVALS), FORKS.Queue()
    processes = [
        FORKS.Process(target=action, args=(barrier, number, str(root), rounds, won))
        for number in range(RIVALS)
    ]
    for process in processes:
        process.start()
    told, ended = [], 0
    while ended < RIVALS:
        one = won.get(timeout=120)
        ended += one is None
        told += [one] if one is not None else []
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * RIVALS
    return told


@pytest.mark.slow
@pytest.mark.fault("F11")
def test_of_eight_that_publish_one_trial_exactly_one_does_and_its_record_is_whole(
    tmp_path, times, record_property
):
    rounds = times(100, full=1000)
    told = rivals(_publish, tmp_path, rounds)
    results = ResultsPaths(tmp_path)
    assert sorted(k for k, _ in told) == list(range(rounds))
    for k, number in told:
        paths = results.trial(f"trial-{k}")
        assert read_record(paths.record).parameter_count == number
        rows = make_epochs([float(number)] * (number + 1))
        assert read_table(paths, "epochs.parquet") == table_bytes(rows, EPOCH_COLUMNS)
    assert len(record_files(results)) == rounds
    assert len(list(results.trials.iterdir())) == rounds  # nothing hidden beside them
    remove_leftovers(results)
    assert len(list(results.trials.iterdir())) == rounds
    winners = len({number for _, number in told})
    record_property(
        "measured",
        f"{RIVALS} processes publish one id, {rounds} rounds: 1 winner each, {winners} of {RIVALS}"
        f" won at least once, {rounds} whole records of their winners, 0 violations, 0 files left",
    )


@pytest.mark.slow
@pytest.mark.fault("F11")
def test_of_eight_that_claim_at_once_each_gets_numbers_of_its_own(tmp_path, record_property):
    told = rivals(_claim, tmp_path, CLAIMS)
    paths = ResultsPaths(tmp_path).trial("trial")
    numbers = sorted(number for number, _ in told)
    assert numbers == list(range(1, RIVALS * CLAIMS + 1)) == attempt_numbers(paths)
    assert [n for n in numbers if not why_over(paths.attempt(n))] == [numbers[-1]]
    assert not list(paths.attempts.glob(".*"))
    record_property(
        "measured", f"{len(numbers)} claims by {RIVALS} processes at once: all numbers distinct"
    )
