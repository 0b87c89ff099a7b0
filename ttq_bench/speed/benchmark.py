"""All goals in one run, a part of the time for each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from ttq_bench.execution.cgroups import usable_cores
from ttq_bench.provenance import processor_name
from ttq_bench.report.sections.speed import MEANINGS
from ttq_bench.speed import concurrent_trials, epochs, gpu, roofline, steps
from ttq_bench.speed.figures import Figure
from ttq_bench.speed.roofline import Place
from ttq_bench.speed.steps import Work
from ttq_bench.training.steps import own_stream
from ttq_bench.trial.allocator import keep_freed_memory

GPU_ALONE = "P10"  # the goal that a machine without a GPU cannot measure
GOALS: Mapping[str, Callable[[Work, float], list[Figure]]] = {
    "P1": epochs.measure_steps,
    "P2": steps.measure,
    "P4": concurrent_trials.measure,
    "P8": lambda work, _: epochs.measure_housekeeping(work),
    GPU_ALONE: lambda work, _: gpu.measure(work),
    "roofline": lambda work, _: roofline.measure_peaks(work),
}


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What one run measured, and on what; ``places`` are those of the layers in the roofline."""

    work: Work
    machine: str
    threads: int
    figures: list[Figure]
    places: list[Place]


def run(
    work: Work, goals: tuple[str, ...], seconds: float, tell: Callable[[str], None]
) -> Benchmark:
    """Measure the goals, about ``seconds`` each, longer where one measurement takes longer."""
    keep_freed_memory()
    threads = usable_cores()
    torch.set_num_threads(threads)
    figures: list[Figure] = []
    with own_stream(work.device):
        for goal in goals:
            tell(f"{goal}: {MEANINGS[goal]}")
            figures += GOALS[goal](work, seconds)
        places = roofline.places(work) if "roofline" in goals else []
    return Benchmark(work, machine_name(work.device), threads, figures, places)


def machine_name(device: torch.device) -> str:
    """Return what a comparison between runs has to share: the GPU, or processor and cores."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    level = torch.backends.cpu.get_cpu_capability()
    return f"{processor_name()} ({level}, {usable_cores()} cores)"
