"""What the machine gives: cores, memory, disk, shared memory; each against what a run takes."""

import math
import os
import shutil
from pathlib import Path

from ttq_bench.doctor.finding import Finding
from ttq_bench.execution.cgroups import core_quota, memory_left, usable_cores
from ttq_bench.execution.ray.startup_notes import OBJECT_STORE_BYTES, free_shared_memory
from ttq_bench.execution.resources import detect_machine, share
from ttq_bench.provenance import processor_name

GB = 1e9
# Largest resident size of a process that trains ResNet-20, batch 128, on one thread; Ray's own.
TRIAL_BYTES, RAY_BYTES = 1.1 * GB, 0.7 * GB
TRIALS = 1000  # more than there are cores: a grid that fills the machine
# A grid of 40 trials with checkpoints takes 0.2 GB, the decoded images of CIFAR-10 the same.
ROOMY_BYTES, TIGHT_BYTES = 1.0 * GB, 0.1 * GB


def check_cores() -> list[Finding]:
    """Return the row of the cores: those of this process's affinity, and a container's quota."""
    quota, seen = core_quota(), len(os.sched_getaffinity(0))
    found = f"{usable_cores()} usable of {os.cpu_count()} ({processor_name()})"
    limited = quota is not None and quota < seen
    return [Finding("cores", f"{found}, for a quota of {quota:g}" if limited else found)]


def check_memory() -> list[Finding]:
    """Return the row of the memory: what is free for a grid that fills the machine."""
    machine = detect_machine()
    shares = share(machine, machine.device, TRIALS, threads=None, trials_per_gpu=None)
    return [judged_memory(free_memory(), shares.slots, machine.cores)]


def judged_memory(free: int, slots: int, cores: int) -> Finding:
    """Return what to do where ``slots`` trials at a time do not fit into ``free`` bytes."""
    fit = int((free - RAY_BYTES) // TRIAL_BYTES)
    found = f"{free / GB:.1f} GB free"
    if fit >= slots:
        return Finding("memory", found)
    needed = f"{found}, {slots} trials at a time take {(RAY_BYTES + slots * TRIAL_BYTES) / GB:.1f}"
    if fit < 1:
        return Finding("memory", needed, "problem", "end other programs, or raise the limit")
    advice = f"run fewer at a time: `--threads {math.ceil(cores / fit)}`, or on GPUs fewer with"
    return Finding("memory", needed, "warning", f"{advice} `--trials-per-gpu`")


def free_memory() -> int:
    """Return the bytes that this process and its children may still take."""
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    (system,) = [int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:")]
    limit = memory_left()
    return system if limit is None else min(system, limit)


def check_disk(results: Path | str, cache: Path) -> list[Finding]:
    """Return the rows of the file systems that a run writes to; a URL is followed in the cache."""
    ways_out = {cache: ("disk of the cache", "$TTQ_BENCH_CACHE elsewhere")}
    if isinstance(results, Path):
        ways_out = {results: ("disk of --results", "another --results")} | ways_out
    return [
        judged_disk(name, str(folder), free_disk(folder), way_out)
        for folder, (name, way_out) in ways_out.items()
    ]


def judged_disk(check: str, where: str, free: int, way_out: str) -> Finding:
    """Return what to do where a file system is nearly full."""
    found = f"{free / GB:.1f} GB free at {where}"
    if free >= ROOMY_BYTES:
        return Finding(check, found)
    state = "warning" if free >= TIGHT_BYTES else "problem"
    return Finding(check, found, state, f"make room there, or use {way_out}")  # type: ignore[arg-type]


def free_disk(folder: Path) -> int:
    """Return the free bytes where ``folder`` is, or would be made."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free


def check_shared_memory() -> list[Finding]:
    """Return the row of /dev/shm, where Ray keeps its objects."""
    free = free_shared_memory()
    found = "no /dev/shm" if free is None else f"{free / GB:.3f} GB free at /dev/shm"
    if free is not None and free >= OBJECT_STORE_BYTES:
        return [Finding("shared memory", found)]
    advice = (
        f"give it {OBJECT_STORE_BYTES / 1e6:.0f} MB (docker: `--shm-size=1g`); until then Ray uses"
        " /tmp, which costs little here"
    )
    return [Finding("shared memory", found, "warning", advice)]
