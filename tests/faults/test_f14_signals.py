"""F14: a run is asked to end, politely and twice; nothing stays behind."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.faults.grid import UNDISTURBED, Grid, injected, parents, processes_of
from tests.tiers import FULL
from tests.tiny_suite import tiny_specs, wait_until

pytestmark = pytest.mark.slow

IS_ALONE = FULL and "PYTEST_XDIST_WORKER" not in os.environ
END_SECONDS = 10.0 if IS_ALONE else 60.0  # beside other tests a machine is slower
CASES = {
    "Ctrl-C": (signal.SIGINT, 1),
    "Ctrl-C twice": (signal.SIGINT, 2),
    "SIGTERM": (signal.SIGTERM, 1),
    "SIGHUP": (signal.SIGHUP, 1),
}
SHORT_CASES = ("Ctrl-C", "SIGTERM")
STARTS, STEP = 10, 0.4  # how often Ray's start is met, seconds apart


@pytest.mark.fault("F14")
@pytest.mark.ray
@pytest.mark.parametrize(
    "case",
    [name if name in SHORT_CASES else pytest.param(name, marks=pytest.mark.full) for name in CASES],
)
def test_a_signal_ends_a_run_and_all_its_processes(cache, tmp_path, record_property, case):
    number, times = CASES[case]
    grid = Grid(tmp_path / "signals", parents(seeds=2, epochs=400))
    name = tiny_specs(cache, epochs=400, methods=("full_precision",))[0].trial_id
    driver = grid.start()
    wait_until(lambda: grid.epoch(name) >= 1 or driver.poll() is not None, 120)
    assert len(processes_of(grid.folder)) >= 4  # driver, raylet, workers
    begun = time.monotonic()
    for turn in range(times):
        if turn:
            wait_until(grid.results.stop_file.exists, 30)  # the first one was heard
        # The terminal sends Ctrl-C to all processes of the foreground; the others name one.
        send = os.killpg if number == signal.SIGINT else os.kill
        send(driver.pid, number)
    output, _ = driver.communicate(timeout=60)
    ended = time.monotonic() - begun
    wait_until(lambda: not processes_of(grid.folder), max(END_SECONDS - ended, 0.1))
    gone = time.monotonic() - begun
    assert driver.returncode == 128 + number, output
    assert "Traceback" not in output
    assert "run the same command" in output
    assert times > 1 or f"stopped ({number.name}); not finished: 2 trials;" in output
    assert not grid.results.stop_file.exists()
    assert "received at time" not in output  # Ray's own answer aborts a run that takes 3 s to end
    record_property("measured", f"{case}: exit {driver.returncode}, all gone after {gone:.1f} s")
    code, output = grid.finish("--time-limit", "12s")
    assert code == 4, output
    assert "goes on after epoch" in output


@pytest.mark.fault("F14")
@pytest.mark.ray
@pytest.mark.full
def test_sigterm_while_ray_starts_ends_the_run_as_at_any_other_time(
    cache, tmp_path, record_property
):
    document = parents(seeds=1, epochs=400)
    for turn in range(STARTS):
        terminate_while_ray_starts(Grid(tmp_path / str(turn), document), turn * STEP)
    record_property(
        "measured",
        f"SIGTERM {STARTS} times within {STARTS * STEP:.0f} s from the start of Ray on: exit 143",
    )


def terminate_while_ray_starts(grid, seconds):
    """End a driver so many seconds after it began to start Ray; it says how to go on."""
    driver = grid.start()
    wait_until(lambda: catches_sigterm(driver) or driver.poll() is not None, 60)
    time.sleep(seconds)
    os.kill(driver.pid, signal.SIGTERM)
    output, _ = driver.communicate(timeout=60)
    assert driver.returncode == 143, f"{seconds:.1f} s: {output}"
    assert "stopped (SIGTERM); not finished: 1 trial; run the same command" in output
    wait_until(lambda: not processes_of(grid.folder), END_SECONDS)


def catches_sigterm(driver):
    """Return whether the driver has an answer to SIGTERM of its own; Ray is started next."""
    status = Path(f"/proc/{driver.pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1


@pytest.mark.fault("F14")
def test_a_signal_that_comes_while_the_last_record_is_written_leaves_nothing_undone(
    cache, tmp_path, record_property
):
    document = parents(seeds=1, epochs=2)
    grid = Grid(tmp_path / "late", document, UNDISTURBED, env=injected("stop@2"), report=True)
    code, output = grid.finish()
    assert code == 0, output
    assert len(grid.records()) == 1
    assert "draws what is there so far" not in output
    assert grid.results.summary.exists()
    record_property("measured", "SIGTERM after the last epoch: exit 0, record and report written")
