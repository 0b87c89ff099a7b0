"""P6: what Ray and the scheduler cost a trial, by trials that do nothing, in a driver of its own.

    python -m ttq_bench.speed.empty_trials TRIALS

Each is a task in a fresh process, as a trial is, that returns at once and records nothing.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from ttq_bench.errors import TtqBenchError
from ttq_bench.execution.ray import security
from ttq_bench.execution.resources import Shares
from ttq_bench.execution.scheduler import Scheduler
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.spec.trial import TrialSpec
from ttq_bench.speed.figures import Figure
from ttq_bench.speed.processes import peak_resident_bytes
from ttq_bench.suite.plan import make_plan
from ttq_bench.training.recipe import Recipe
from ttq_bench.trial.outcome import Ended
from ttq_bench.trial.settings import ClusterOptions, RunSettings

SIDE_BY_SIDE = 2
FEW, SECONDS_EACH = 20, 60.0


def measure(trials: int = FEW) -> list[Figure]:
    """Return seconds a trial, the driver's own milliseconds of it, and the driver's memory."""
    words = [sys.executable, "-m", "ttq_bench.speed.empty_trials", str(trials)]
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=SECONDS_EACH * trials, check=False
    )
    if done.returncode:
        raise TtqBenchError(f"speed: P6: empty trials: {done.stderr.strip().splitlines()[-1]}")
    told = json.loads(done.stdout.splitlines()[-1])
    what = f"on Ray, {trials:,} trials without work, {SIDE_BY_SIDE} side by side"
    return [
        Figure("P6", f"{what}: a trial", told["seconds"] / trials, "s"),
        Figure("P6", f"{what}: the driver's own time a trial", 1e3 * told["own"] / trials, "ms"),
        Figure("P6", f"{what}: the driver's memory", told["bytes"] / 1e6, "MB"),
    ]


def run(trials: int) -> dict[str, float]:
    """Return the seconds that so many take, the driver's own among them, and its most bytes."""
    security.prepare(None, None)
    import ray

    from ttq_bench.execution.ray.backend import RayBackend

    @ray.remote(max_calls=1, max_retries=0)
    def nothing(spec: TrialSpec, *_: object) -> Ended:
        return Ended(spec.trial_id, "stopped")

    class EmptyTrials(RayBackend):
        body = nothing

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plan = make_plan([_spec(seed) for seed in range(trials)], ResultsPaths(folder), "cpu")
        settings, shares = RunSettings(folder, folder, folder, "cpu"), Shares(SIDE_BY_SIDE, 1, 0.0)
        options = ClusterOptions(SIDE_BY_SIDE, 0)
        with closing(EmptyTrials(options, ResultsPaths(folder))) as backend:
            started, own = time.perf_counter(), time.process_time()
            tally = Scheduler(plan, backend, settings, shares, bool, print).run()
            spent = {
                "seconds": time.perf_counter() - started,
                "own": time.process_time() - own,
                "bytes": float(peak_resident_bytes(os.getpid())),
            }
    if len(tally.left) != trials:
        raise TtqBenchError(f"{len(tally.failed)} of {trials} empty trials failed")
    return spent


def _spec(seed: int) -> TrialSpec:
    return TrialSpec(
        protocol="speed", dataset="digits", data_fingerprint=f"sha256:{0:032d}",
        validation_count=200, model="lenet5", seed=seed, recipe=Recipe(epochs=1),
    )  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(run(int(sys.argv[1]))))
