"""P6: what Ray adds to a trial beside its epochs, against the same trial in this process.

Beside its epochs a trial has its way from being submitted to its first step, and from its last step
until the driver knows of its record. How long the epochs took is in the record.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from ttq_bench.analysis.recorded_tables import checked_table
from ttq_bench.analysis.statistics import Estimate, estimate
from ttq_bench.data.identity import identify
from ttq_bench.data.prepared import load_images
from ttq_bench.data.sources import find_source
from ttq_bench.errors import TtqBenchError
from ttq_bench.execution.backends import Backend, InProcessBackend
from ttq_bench.execution.ray import security
from ttq_bench.execution.resources import Shares
from ttq_bench.execution.scheduler import Scheduler
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.spec.trial import TrialSpec
from ttq_bench.speed.figures import Bound, Figure, ratio_figure
from ttq_bench.speed.pairing import FEWEST_ROUNDS, one_thread, ratio_of
from ttq_bench.suite.plan import make_plan
from ttq_bench.training.recipe import Recipe
from ttq_bench.trial.settings import ClusterOptions, RunSettings

RECIPE = Recipe(epochs=4, batch_size=32, augmentation="none", precision="fp32")
ADDED_SECONDS = Bound("at most", 3.0)


@dataclass(frozen=True, slots=True)
class Ran:
    """Seconds of one trial beside its epochs, and those of its epochs but the first."""

    beside: float
    epochs: float


@dataclass(frozen=True, slots=True)
class Place:
    """A backend, and the results folder of what it runs."""

    backend: Backend
    results: Path

    def run(self, spec: TrialSpec, cache: Path) -> Ran:
        """Run a trial as a driver does; ``TtqBenchError`` if it does not finish."""
        settings = RunSettings(self.results, cache, cache, "cpu")
        results, told = ResultsPaths(self.results), list[str]()
        plan = make_plan([spec], results, "cpu")
        started = time.perf_counter()
        tally = Scheduler(
            plan, self.backend, settings, Shares(1, 1, 0.0), bool, told.append
        ).run()  # fmt: skip
        spent = time.perf_counter() - started
        if tally.finished != {spec.trial_id}:
            raise TtqBenchError(f"speed: P6: a trial did not finish: {'; '.join(told)}")
        seconds = checked_table(results.trial(spec.trial_id), "epochs.parquet")["epoch_seconds"]
        return Ran(spent - float(seconds.sum()), float(seconds[1:].sum()))


def measure(seconds: float) -> list[Figure]:
    """Return what Ray adds, by trials of both kinds in turn, and its start, which is once a run."""
    with tempfile.TemporaryDirectory() as name, one_thread():
        folder = Path(name)
        make_spec = _specs(folder)
        started = time.perf_counter()
        security.prepare(None, None)
        from ttq_bench.execution.ray.backend import RayBackend  # 1 s to import

        results = folder / "ray"
        with closing(RayBackend(ClusterOptions(1, 0), ResultsPaths(results))) as ray:
            start = time.perf_counter() - started
            places = Place(ray, results), Place(InProcessBackend(bool), folder / "inprocess")
            pairs = _pairs(places, make_spec, folder, seconds)
    return [*figures_of(pairs), Figure("P6", "Ray's own start, once a run", start, "s")]


def _specs(folder: Path) -> Callable[[int], TrialSpec]:
    """Return the trial of each seed: LeNet-5 on digits, which are decoded here and now."""
    source = find_source("digits", folder)
    identity = identify(source, folder)
    load_images(source, identity, folder)
    return lambda seed: TrialSpec(
        protocol="speed", dataset=identity.name, data_fingerprint=identity.fingerprint,
        validation_count=200, model="lenet5", seed=seed, recipe=RECIPE,
    )  # fmt: skip


def _pairs(
    places: tuple[Place, Place], spec: Callable[[int], TrialSpec], cache: Path, seconds: float
) -> list[tuple[Ran, Ran]]:
    """Return what a trial took in each place, in turn; the first one, which warms up, apart."""
    pairs: list[tuple[Ran, Ran]] = []
    until = float("inf")
    for seed in count():
        if len(pairs) >= FEWEST_ROUNDS and time.perf_counter() > until:
            return pairs
        first, second = (place.run(spec(seed), cache) for place in places)
        if seed:
            pairs.append((first, second))
        else:
            until = time.perf_counter() + seconds
    raise AssertionError("seeds do not end")


def figures_of(pairs: Sequence[tuple[Ran, Ran]]) -> list[Figure]:
    """Return what trials on Ray and in this process say, pair by pair."""
    ratio = ratio_of([ray.epochs / here.epochs for ray, here in pairs])
    what = "a trial beside its epochs (submitted to first step, last step to record)"
    return [
        _seconds("Ray adds to " + what, [r.beside - h.beside for r, h in pairs], ADDED_SECONDS),
        _seconds(f"{what}, on Ray", [ray.beside for ray, _ in pairs]),
        _seconds(f"{what}, in this process", [here.beside for _, here in pairs]),
        ratio_figure("P6", "an epoch on Ray over one in this process", ratio),
    ]


def _seconds(quantity: str, values: Sequence[float], bound: Bound | None = None) -> Figure:
    found: Estimate = estimate(values)
    return Figure("P6", quantity, found.mean, "s", found.low, found.high, found.n, bound)
