"""All goals in one run, a part of the time for each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import torch

from ttq_bench.execution.cgroups import usable_cores
from ttq_bench.provenance import processor_name
from ttq_bench.report.sections.speed import MEANINGS
from ttq_bench.speed import (
    concurrent_trials,
    empty_trials,
    epochs,
    gpu,
    housekeeping,
    images,
    large_grids,
    packed,
    peak,
    ray_overhead,
    roofline,
    steps,
)
from ttq_bench.speed.figures import Figure
from ttq_bench.speed.peak import Peak
from ttq_bench.speed.roofline import Place
from ttq_bench.speed.steps import Work
from ttq_bench.training.steps import own_stream
from ttq_bench.trial.allocator import keep_freed_memory

DEEPER = "resnet56"


@dataclass
class Benchmark:
    """What one run measured, and on what: everything that the report shows."""

    work: Work
    machine: str
    threads: int
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    peak: Peak | None = None
    places: list[Place] = field(default_factory=list)
    grids: tuple[int, ...] = ()  # their numbers of trials, for P7


def run(
    work: Work,
    goals: tuple[str, ...],
    seconds: float,
    tell: Callable[[str], None],
    grids: tuple[int, ...] = (),
) -> Benchmark:
    """Measure the goals, about ``seconds`` each, longer where one measurement takes longer.

    P7 measures the commands over ``grids`` of so many trials, where there are any.
    """
    keep_freed_memory()
    threads = usable_cores()
    torch.set_num_threads(threads)
    found = Benchmark(work, machine_name(work.device), threads, grids=grids)
    with own_stream(work.device):
        for goal in goals:
            tell(f"{goal}: {MEANINGS[goal]}")
            GOALS[goal](found, seconds)
    return found


def machine_name(device: torch.device) -> str:
    """Return what a comparison between runs has to share: the GPU, or processor and cores."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    level = torch.backends.cpu.get_cpu_capability()
    return f"{processor_name()} ({level}, {usable_cores()} cores)"


def _epochs(found: Benchmark, seconds: float) -> None:
    found.figures += epochs.measure(found.work, seconds)


def _steps(found: Benchmark, seconds: float) -> None:
    found.figures += steps.measure(found.work, 2 * seconds)


def _peak(found: Benchmark, seconds: float) -> None:
    del seconds
    found.peak = peak.measured_peak(found.work)
    for work in (found.work, replace(found.work, model=DEEPER)):
        found.figures += peak.measure(work, found.peak)
    found.figures += peak.operators(found.work)
    found.places = roofline.places(found.work)


def _neighbours(found: Benchmark, seconds: float) -> None:
    found.figures += concurrent_trials.measure(found.work, seconds)


def _images(found: Benchmark, seconds: float) -> None:
    del seconds
    found.figures += images.measure(found.work)


def _ray_overhead(found: Benchmark, seconds: float) -> None:
    found.figures += [*ray_overhead.measure(seconds), *empty_trials.measure()]


def _large_grids(found: Benchmark, seconds: float) -> None:
    del seconds
    found.figures += large_grids.measure_sizes(found.grids) or large_grids.measure()


def _housekeeping(found: Benchmark, seconds: float) -> None:
    del seconds
    found.figures += housekeeping.measure(found.work)


def _packed(found: Benchmark, seconds: float) -> None:
    figures, notes = packed.measure(found.work, seconds)
    found.figures += figures
    found.notes += notes


def _gpu(found: Benchmark, seconds: float) -> None:
    del seconds
    if found.work.device.type == "cuda":
        found.figures += gpu.measure(found.work)


GOALS: Mapping[str, Callable[[Benchmark, float], None]] = {
    "P1": _epochs,
    "P2": _steps,
    "P3": _peak,
    "P4": _neighbours,
    "P5": _images,
    "P6": _ray_overhead,
    "P7": _large_grids,
    "P8": _housekeeping,
    "P9": _packed,
    "P10": _gpu,
}
