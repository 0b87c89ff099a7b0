"""What this machine has, and how trials share it. Needs no torch."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from ttq_bench.execution import mps
from ttq_bench.execution.cgroups import usable_cores
from ttq_bench.text import counted

MIB_PER_GIB = 1024.0
MOST_ON_A_GPU = 12  # measured on an H200: mps.py
GIB_PER_TRIAL = 3.0  # ResNet-56 in single precision reserves 2.7


@dataclass(frozen=True, slots=True)
class Machine:
    """Usable cores and GPUs, memory of the smallest, and whether processes share one at once.

    ``gpu_name`` is that of the first.
    """

    cores: int
    gpus: int
    gpu_gib: float = 0.0
    shares_gpus: bool = False
    gpu_name: str = ""

    @property
    def device(self) -> str:
        """Return the device kind that trials use unless told otherwise."""
        return "cuda" if self.gpus else "cpu"

    @property
    def cores_in_words(self) -> str:
        """Return how many cores there are, and that a quota keeps this process from the others."""
        seen = len(os.sched_getaffinity(0))
        quota = f" of {seen} by the quota of its control group" if self.cores < seen else ""
        return f"{counted(self.cores, 'core')}{quota}"


class Place(Protocol):
    """A machine, or a node of a cluster."""

    @property
    def cores(self) -> float:
        """Return how many cores trials may use there."""

    @property
    def gpus(self) -> float:
        """Return how many GPUs trials may use there."""


@dataclass(frozen=True, slots=True)
class Shares:
    """How many trials run side by side, and what each of the ``ranks`` of one gets."""

    slots: int
    threads: int
    gpus: float
    ranks: int = 1

    @property
    def workers(self) -> float:
        """Return the cores (GPUs) at work when every slot is taken."""
        return self.slots * self.ranks * (self.gpus or self.threads)


def detect_machine() -> Machine:
    """Return the cores this process may use, and the GPUs that the NVIDIA driver lists."""
    cores, gpus = usable_cores(), _visible(_gpus())
    if not gpus:
        return Machine(cores, 0)
    names, memory = zip(*gpus, strict=True)
    return Machine(cores, len(gpus), min(memory), mps.is_available(), names[0])


def _gpus() -> list[tuple[str, float]]:
    """Return name and memory in GiB of each GPU, empty without one."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    asked = [tool, "--query-gpu=memory.total,name", "--format=csv,noheader,nounits"]
    try:
        listing = subprocess.run(asked, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    gpus = []
    for line in listing.stdout.splitlines():
        memory, _, name = (part.strip() for part in line.partition(","))
        # A GPU that shares the host's memory has no number of its own.
        gpus.append((name, float(memory) / MIB_PER_GIB if memory.isdecimal() else 0.0))
    return gpus


def _visible(gpus: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """Return those that the environment shows; which they are is known of numbers alone."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return gpus
    names = [name for part in visible.split(",") if (name := part.strip()) not in ("", "-1")]
    if all(name.isdecimal() and int(name) < len(gpus) for name in names):
        return [gpus[int(name)] for name in names]
    return gpus[: len(names)]


def trials_on_a_gpu(machine: Machine, trials: int) -> int:
    """Return how many trials share a GPU best: several where they compute at once.

    Each needs a core of its own, and memory for its images, its network and CUDA itself.
    """
    if not machine.shares_gpus:
        return 1
    cores = machine.cores // max(1, machine.gpus)
    fit = int(machine.gpu_gib / GIB_PER_TRIAL)
    each = -(-trials // max(1, machine.gpus))
    return max(1, min(MOST_ON_A_GPU, cores, fit, each))


def share(
    places: Sequence[Place],
    device: str,
    trials: int,
    *,
    threads: int | None,
    trials_per_gpu: int,
    ranks: int = 1,
) -> Shares:
    """Return how ``trials`` trials, each trained by ``ranks`` processes, share machines or nodes.

    Every trial fits on every place that can take one: when a node is lost, its trials go to others.
    On a CPU, small networks use one core each best. Measured on two cores (ResNet-20, TTQ, steps
    of 128 images, three rounds in turn): 276 to 292 ms a step for each of two trials side by side,
    so 138 to 146 ms a step in all, against 150 to 236 ms one after the other on both cores; and
    seconds there when another process wants a core, since the threads of a trial wait for each
    other. So each trial gets as many threads as leave a place for all of them, or for as many as
    there are cores. The split depends on the whole suite and not on what happens to be left of it,
    nor on nodes that join later: the number of threads may move the last bits of a result. Without
    a place that can take a trial it is one thread, and the run waits for a node.
    """
    if ranks > 1:  # each has a GPU, or cores, of its own
        alone = share(places, device, trials * ranks, threads=threads, trials_per_gpu=1)
        return replace(alone, slots=max(1, alone.slots // ranks), ranks=ranks)
    if device == "cuda":
        return _share_gpus(places, threads, trials_per_gpu)
    cores = [int(place.cores) for place in places if place.cores >= 1]
    wanted = min(trials, sum(cores))
    most = (n for n in range(min(cores, default=1), 1, -1) if _slots(cores, n) >= wanted)
    each = threads or next(most, 1)
    return Shares(max(1, _slots(cores, each)), each, 0.0)


def _slots(cores: Sequence[int], threads: int) -> int:
    return sum(count // threads for count in cores)


def _share_gpus(places: Sequence[Place], threads: int | None, trials_per_gpu: int) -> Shares:
    able = [place for place in places if place.gpus >= 1]
    slots = [int(place.gpus) * trials_per_gpu for place in able]
    fit = (int(place.cores) // count for place, count in zip(able, slots, strict=True))
    each = threads or max(1, min(fit, default=1))
    return Shares(max(1, sum(slots)), each, 1 / trials_per_gpu)
