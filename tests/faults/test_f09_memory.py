"""F9: memory runs out, on the host for real, on a GPU by the error that torch raises."""

import json
from pathlib import Path

import pytest

from tests.faults.grid import Grid, injected, parents
from ttq_bench.records.store import read_failures

pytestmark = pytest.mark.slow

ROOM = 3 << 30  # bytes that the machine may still fill before Ray's monitor acts


def threshold() -> str:
    """Return the share of memory in use at which Ray ends the worker that took most."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    size = {line.split(":")[0]: int(line.split()[1]) << 10 for line in lines if "kB" in line}
    return f"{1 - (size['MemAvailable'] - ROOM) / size['MemTotal']:.3f}"


def ended(grid, code, output):
    """Check that the trial of seed 0 failed after two attempts, and all others finished."""
    (failure,) = read_failures(grid.results)
    assert "-s0-" in failure["trial_id"]
    assert failure["reason"].startswith("oom: memory ran out 2 times"), failure
    assert code == 3, output
    assert "Traceback" not in output
    assert len(grid.records()) == 2
    paths = grid.results.trial(failure["trial_id"])
    assert len(list(paths.attempts.glob("*.lease.json"))) == 2
    return failure["reason"]


@pytest.mark.fault("F9")
@pytest.mark.ray
@pytest.mark.full
def test_a_worker_that_fills_the_host_is_given_up_after_two_attempts(
    cache, tmp_path, record_property
):
    env = injected("memory!,none,none@1") | {
        "RAY_memory_usage_threshold": threshold(),
        "RAY_memory_monitor_refresh_ms": "100",
    }
    grid = Grid(tmp_path / "host", parents(seeds=3, epochs=6), env=env)
    code, output = grid.finish(seconds=400)
    reason = ended(grid, code, output)
    assert "OutOfMemoryError" in reason
    record_property(
        "measured",
        "host: 2 attempts, the second alone, then failed: oom; 2 of 2 others finished; exit 3",
    )


@pytest.mark.fault("F9")
@pytest.mark.ray
def test_a_gpu_that_is_full_gives_a_trial_up_after_two_attempts(cache, tmp_path, record_property):
    grid = Grid(
        tmp_path / "gpu", parents(seeds=3, epochs=6), env=injected("cuda-memory!,none,none@1")
    )
    code, output = grid.finish(seconds=400)
    assert "CUDA out of memory" in ended(grid, code, output)
    (name,) = [failure["trial_id"] for failure in read_failures(grid.results)]
    failure = json.loads(grid.results.trial(name).failure.read_text())
    assert "oom" in failure["reason"]
    record_property("measured", "CUDA (simulated): the same")
