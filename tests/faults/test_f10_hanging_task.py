"""F10: a worker that hangs is replaced; when it wakes up it publishes nothing."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.faults.clusters import Listener, cluster_of
from tests.faults.grid import Grid, parents, processes_of, undisturbed, worker_of
from tests.tiny_suite import tiny_specs, wait_until
from ttq_bench.execution.ray.watchdog import START_SECONDS
from ttq_bench.records.attempts.lease import newest_number
from ttq_bench.records.store import read_record

pytestmark = pytest.mark.slow

SILENCE = 6.0

# One attempt in a process of its own, as a worker makes it.
ATTEMPT = """
import sys
from pathlib import Path
from ttq_bench.trial.attempt import attempt
from ttq_bench.trial.settings import RunSettings
from ttq_bench.spec.trial import TrialSpec
results, cache = Path(sys.argv[1]), Path(sys.argv[2])
spec = TrialSpec.model_validate_json(sys.argv[3])
print(attempt(spec, RunSettings(results, results / "data", cache, "cpu"), lambda: False))
"""


@pytest.mark.fault("F10")
@pytest.mark.ray
def test_a_stopped_worker_is_replaced_at_the_deadline(cache, tmp_path, record_property):
    document = parents(seeds=1, epochs=40)
    grid = Grid(tmp_path / "hanging", document)
    name = tiny_specs(cache, epochs=40, methods=("full_precision",))[0].trial_id
    driver = grid.start("--silence", f"{SILENCE:.0f}s")
    wait_until(lambda: grid.epoch(name) >= 2, 120)
    hanging = grid.worker(name)
    os.kill(hanging, signal.SIGSTOP)
    begun = time.monotonic()
    wait_until(lambda: newest_number(grid.results.trial(name)) == 2, 120)
    replaced = time.monotonic() - begun
    output, _ = driver.communicate(timeout=300)
    assert driver.returncode == 0, output
    assert f"{name}: its worker was replaced (no sign of life for 6 s)" in output
    assert replaced > SILENCE
    with pytest.raises(ProcessLookupError):
        os.kill(hanging, 0)
    record = read_record(grid.results.trial(name).record)
    assert record.run["earlier_attempts_ended"] == {"1": "silence: no sign of life for 6 s"}
    whole = undisturbed(tmp_path / "whole", document)
    assert grid.records() == whole.records()
    record_property(
        "measured",
        f"SIGSTOP under a deadline of {SILENCE:.0f} s: a new worker at work after {replaced:.1f} s"
        " (its start included), the stopped one ended, record identical",
    )


@pytest.mark.fault("F10")
@pytest.mark.ray
@pytest.mark.full
@pytest.mark.parametrize("where", ["a cluster of its own", "a cluster of others"])
def test_a_worker_that_hangs_before_its_claim_is_replaced(cache, tmp_path, record_property, where):
    document = parents(seeds=1, epochs=3)
    grid = Grid(tmp_path / "starting", document)
    name = tiny_specs(cache, epochs=3, methods=("full_precision",))[0].trial_id
    words = ["--silence", f"{SILENCE:.0f}s"]
    with contextlib.ExitStack() as held:
        if where.endswith("others"):
            cluster = held.enter_context(cluster_of(tmp_path / "ray", 1))
            grid.env = cluster.env
            words += ["--address", cluster.address]
        said = Listener(grid.start(*words))
        hanging = stopped_at_start(grid, name, said, signed=where.endswith("others"))
        begun = time.monotonic()
        wait_until(lambda: newest_number(grid.results.trial(name)) == 1 or said.ended(), 150)
        replaced = time.monotonic() - begun
        assert said.finish() == 0, said.text()
        assert hanging not in processes_of(tmp_path)
    limit = SILENCE + START_SECONDS
    assert f"{name}: its worker was replaced (no attempt begun for {limit:.0f} s)" in said.text()
    assert limit - 5 < replaced < limit + 30
    whole = undisturbed(tmp_path / "whole", document)
    assert grid.records() == whole.records()
    record_property(
        "measured",
        f"SIGSTOP before the claim, on {where}, under a deadline of {limit:.0f} s: a new worker at"
        f" work after {replaced:.1f} s, the stopped one ended, record identical",
    )


def stopped_at_start(grid, name, said, *, signed):
    """Stop the worker of a trial before it claims its attempt; return its process.

    As soon as its process is there, or, with ``signed``, as soon as it says where it runs.
    """
    sign = grid.results.trial(name).work / "begun.json"
    wait_until(lambda: said.ended() or (worker_of(name) and (sign.exists() or not signed)), 120)
    process = worker_of(name)
    assert process, said.text()
    os.kill(process, signal.SIGSTOP)
    assert newest_number(grid.results.trial(name)) == 0
    return process


@pytest.mark.fault("F10")
@pytest.mark.parametrize("awake", ["while the new attempt trains", "after it published"])
def test_a_worker_that_wakes_up_late_writes_nothing_more(cache, tmp_path, record_property, awake):
    spec = tiny_specs(cache, epochs=60, methods=("full_precision",))[0]
    grid = Grid(tmp_path / "late", parents(seeds=1, epochs=60))
    paths = grid.results.trial(spec.trial_id)
    words = [sys.executable, "-c", ATTEMPT, grid.results.root, cache, spec.model_dump_json()]

    def begin():
        return subprocess.Popen(list(map(str, words)), stdout=subprocess.PIPE, text=True)

    old = begin()
    wait_until(lambda: grid.epoch(spec.trial_id) >= 2, 120)
    os.kill(old.pid, signal.SIGSTOP)
    new = begin()
    wait_until((paths.attempt(2).checkpoints / "epoch-000004.pt").exists, 120)
    before = files_of(paths.attempt(1).checkpoints)
    if awake.startswith("after"):
        assert "'finished'" in new.communicate(timeout=300)[0]
    os.kill(old.pid, signal.SIGCONT)
    said = old.communicate(timeout=60)[0]
    assert "attempt 2 has taken over from attempt 1" in said
    # The new attempt deletes what it needs no longer; nothing is new or other than before.
    assert files_of(paths.attempt(1).checkpoints).items() <= before.items()
    assert "'finished'" in (new.communicate(timeout=300)[0] if new.poll() is None else "'finished'")
    record = read_record(paths.record)
    assert [one["attempt"] for one in record.run["attempts"]] == [1, 2]
    end = json.loads(paths.attempt(1).end.read_text().splitlines()[1])
    assert end["cause"] == "superseded"
    record_property("measured", f"SIGCONT {awake}: 0 files written late, 1 record")


def files_of(folder):
    found = {}
    with contextlib.suppress(FileNotFoundError):
        for path in folder.iterdir():
            found[path.name] = path.stat().st_mtime_ns
    return found
