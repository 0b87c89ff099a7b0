"""Trains the tiny grid on a cluster whose GPUs are only said to be there (``test_placement.py``).

    python -m tests.cluster.placed ADDRESS RESULTS CACHE GPUS_OF_A_TRIAL TRIALS

Trials ask Ray for GPUs and compute on the CPU: where they go does not depend on what they do there.
"""

import sys
from pathlib import Path

from tests.faults.grid import parents
from tests.tiny_suite import settings_for
from ttq_bench.data.identity import identify
from ttq_bench.data.sources import find_source
from ttq_bench.execution.ray import security
from ttq_bench.execution.resources import Shares
from ttq_bench.execution.scheduler import Scheduler
from ttq_bench.records.store import read_records
from ttq_bench.suite.grid import expand
from ttq_bench.suite.plan import make_plan
from ttq_bench.suite.reading import parse_suite
from ttq_bench.trial.settings import ClusterOptions

EPOCHS = 15


def train(address: str, results: Path, cache: Path, gpus: float, trials: int) -> int:
    """Return 0 when every trial has its record."""
    security.prepare(address, None)
    from ttq_bench.execution.ray.backend import RayBackend

    images = {"digits": identify(find_source("digits", Path("data")), cache)}
    specs = expand(parse_suite(parents(trials, EPOCHS), "", "tiny"), images, "tiny")
    settings = settings_for(results, cache)
    folder = settings.folder()
    plan = make_plan(specs, folder.results, "cpu", read_records(folder.results))
    backend = RayBackend(ClusterOptions(cores=2, gpus=0, address=address), folder)
    shares = Shares(slots=1, threads=1, gpus=gpus)
    tally = Scheduler(plan, backend, settings, shares, bool, print, folder).run()
    backend.close()
    return len(tally.failed) + len(tally.left)


if __name__ == "__main__":
    words = sys.argv[1:]
    sys.exit(train(words[0], Path(words[1]), Path(words[2]), float(words[3]), int(words[4])))
