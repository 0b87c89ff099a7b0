"""All goals in one run, a part of the time for each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch

from ttq_bench.execution.cgroups import usable_cores
from ttq_bench.provenance import processor_name
from ttq_bench.report.sections.speed import MEANINGS
from ttq_bench.speed import concurrent_trials, epochs, gpu, roofline, steps
from ttq_bench.speed.figures import Figure
from ttq_bench.speed.roofline import Peak, Place
from ttq_bench.speed.steps import Work
from ttq_bench.training.steps import own_stream
from ttq_bench.trial.allocator import keep_freed_memory

GPU_ALONE = "P10"  # the goal that a machine without a GPU cannot measure


@dataclass
class Benchmark:
    """What one run measured, and on what: everything that the report shows."""

    work: Work
    machine: str
    threads: int
    figures: list[Figure] = field(default_factory=list)
    peak: Peak | None = None
    places: list[Place] = field(default_factory=list)


def run(
    work: Work, goals: tuple[str, ...], seconds: float, tell: Callable[[str], None]
) -> Benchmark:
    """Measure the goals, about ``seconds`` each, longer where one measurement takes longer."""
    keep_freed_memory()
    threads = usable_cores()
    torch.set_num_threads(threads)
    found = Benchmark(work, machine_name(work.device), threads)
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


def _steps_of_an_epoch(found: Benchmark, seconds: float) -> None:
    found.figures += epochs.measure_steps(found.work, seconds)


def _steps_of_each_method(found: Benchmark, seconds: float) -> None:
    found.figures += steps.measure(found.work, 2 * seconds)


def _concurrent_trials(found: Benchmark, seconds: float) -> None:
    found.figures += concurrent_trials.measure(found.work, seconds)


def _housekeeping(found: Benchmark, seconds: float) -> None:
    del seconds
    found.figures += epochs.measure_housekeeping(found.work)


def _gpu(found: Benchmark, seconds: float) -> None:
    del seconds
    found.figures += gpu.measure(found.work)


def _roofline(found: Benchmark, seconds: float) -> None:
    del seconds
    found.peak = roofline.measured_peak(found.work)
    found.places = roofline.places(found.work)
    found.figures += roofline.peak_figures(found.peak)


GOALS: Mapping[str, Callable[[Benchmark, float], None]] = {
    "P1": _steps_of_an_epoch,
    "P2": _steps_of_each_method,
    "P4": _concurrent_trials,
    "P8": _housekeeping,
    GPU_ALONE: _gpu,
    "roofline": _roofline,
}
