"""What this machine has, and how trials share it. Needs no torch."""

import os
import shutil
import subprocess
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Machine:
    """Usable cores and GPUs."""

    cores: int
    gpus: int

    @property
    def device(self) -> str:
        """Return the device kind that trials use unless told otherwise."""
        return "cuda" if self.gpus else "cpu"


@dataclass(frozen=True, slots=True)
class Shares:
    """How many trials run side by side, and what each of them gets."""

    slots: int
    threads: int
    gpus: float

    @property
    def workers(self) -> float:
        """Return the cores (GPUs) at work when every slot is taken."""
        return self.slots * (self.gpus or self.threads)


def detect_machine() -> Machine:
    """Return the cores this process may use, and the GPUs that the NVIDIA driver lists."""
    return Machine(len(os.sched_getaffinity(0)), _gpu_count())


def _gpu_count() -> int:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return 0
    try:
        listing = subprocess.run(
            [tool, "-L"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return 0
    found = sum(line.startswith("GPU ") for line in listing.stdout.splitlines())
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return found
    return min(found, len([name for name in visible.split(",") if name.strip() not in ("", "-1")]))


def share(
    machine: Machine, device: str, trials: int, *, threads: int | None, trials_per_gpu: int
) -> Shares:
    """Return how ``trials`` trials share ``machine``.

    On a CPU, small networks use one core each best. Measured on two cores (ResNet-20, TTQ, steps
    of 128 images, three rounds in turn): 276 to 292 ms a step for each of two trials side by side,
    so 138 to 146 ms a step in all, against 150 to 236 ms one after the other on both cores; and
    seconds there when another process wants a core, since the threads of a trial wait for each
    other. The split depends on the whole suite and not on what happens to be left of it, because
    the number of threads may move the last bits of a result.
    """
    if device == "cuda":
        slots = max(1, machine.gpus) * trials_per_gpu
        return Shares(slots, threads or max(1, machine.cores // slots), 1 / trials_per_gpu)
    each = threads or max(1, machine.cores // max(1, min(machine.cores, trials)))
    return Shares(max(1, machine.cores // each), each, 0.0)
