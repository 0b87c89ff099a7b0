"""What a run needs of the machine: GPUs, cores, memory, disk, shared memory, Ray's token."""

import math
import os
import shutil
import subprocess
from pathlib import Path

from ttq_bench.doctor.finding import Finding
from ttq_bench.execution.cgroups import core_quota, memory_left, usable_cores
from ttq_bench.execution.ray.security import token_path
from ttq_bench.execution.ray.startup_notes import OBJECT_STORE_BYTES, free_shared_memory
from ttq_bench.execution.resources import detect_machine, share, trials_on_a_gpu
from ttq_bench.provenance import processor_name

GB = 1e9
# Largest resident size of a process that trains ResNet-20, batch 128, on one thread; Ray's own.
TRIAL_BYTES, RAY_BYTES = 1.1 * GB, 0.7 * GB
TRIALS = 1000  # more than there are cores: a grid that fills the machine
# A grid of 40 trials with checkpoints takes 0.2 GB, the decoded images of CIFAR-10 the same.
ROOMY_BYTES, TIGHT_BYTES = 1.0 * GB, 0.1 * GB

ELSE_CPU = "or pass `--device cpu`"
RAY_ACCESS = "ray token"


def check_gpus() -> list[Finding]:
    """Return the row of the GPUs."""
    import torch  # 1 s

    seen = torch.cuda.device_count() if torch.cuda.is_available() else 0
    named = torch.cuda.get_device_name(0) if seen else ""
    return [judged_gpus(detect_machine().gpus, driver_version(), seen, torch.version.cuda, named)]


def judged_gpus(listed: int, driver: str, seen: int, cuda: str | None, named: str) -> Finding:
    """Return what to do where ``listed`` GPUs and the ``seen`` ones are not the same.

    ``driver`` is the version of NVIDIA's driver, ``cuda`` the one that torch was built for.
    """
    build = f"torch built for {f'CUDA {cuda}' if cuda else 'CPUs alone'}"
    if not listed and not seen:
        return Finding("gpu", f"none, trials run on the cores ({build})")
    found = f"nvidia-smi lists {listed} (driver {driver or 'unknown'}), torch sees {seen} ({build})"
    if listed == seen:
        return Finding("gpu", f"{listed} x {named} (driver {driver or 'unknown'}, {build})")
    if not listed:
        advice = "make nvidia-smi work here, or pass `--device cuda`: without, the cores are used"
        return Finding("gpu", found, "warning", advice)
    if cuda is None:
        advice = f"install a torch that is built for CUDA (pytorch.org says how), {ELSE_CPU}"
    elif not seen:
        advice = f"install a driver for CUDA {cuda} or newer, restart the machine, {ELSE_CPU}"
    else:
        advice = "look for a broken GPU with `nvidia-smi`, name the good ones in" \
                 " CUDA_VISIBLE_DEVICES"  # fmt: skip
    return Finding("gpu", found, "problem" if not seen else "warning", advice)


def driver_version() -> str:
    """Return the version of NVIDIA's driver, empty where it is not told."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ""
    words = [tool, "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return "" if done.returncode else done.stdout.partition("\n")[0].strip()


def check_cores() -> list[Finding]:
    """Return the row of the cores: those of this process's affinity, and a container's quota."""
    quota, seen = core_quota(), len(os.sched_getaffinity(0))
    found = f"{usable_cores()} usable of {os.cpu_count()} ({processor_name()})"
    limited = quota is not None and quota < seen
    return [Finding("cores", f"{found}, for a quota of {quota:g}" if limited else found)]


def check_memory() -> list[Finding]:
    """Return the row of the memory: what is free for a grid that fills the machine."""
    machine = detect_machine()
    on_a_gpu = trials_on_a_gpu(machine, TRIALS)
    shares = share([machine], machine.device, TRIALS, threads=None, trials_per_gpu=on_a_gpu)
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


def check_token() -> list[Finding]:
    """Return the row of Ray's token; nothing is made or changed.

    Whoever has the token can run code as its owner while Ray runs.
    """
    mode = os.environ.get("RAY_AUTH_MODE", "token").lower()
    if mode != "token":
        advice = "unset it, unless your cluster has no tokens: whoever reaches Ray can run code"
        return [Finding(RAY_ACCESS, f"RAY_AUTH_MODE={mode}", "warning", advice)]
    if os.environ.get("RAY_AUTH_TOKEN"):
        return [Finding(RAY_ACCESS, "in RAY_AUTH_TOKEN")]
    return [_judged_token(token_path())]


def _judged_token(path: Path) -> Finding:
    if not path.exists():
        return Finding(RAY_ACCESS, f"{path}: not there yet, the first run makes it with mode 0600")
    try:
        empty = not path.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        found = f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})"
        return Finding(RAY_ACCESS, found, "problem", "put the token there, or delete it")
    if empty:
        return Finding(
            RAY_ACCESS, f"{path}: is empty", "problem", "put the token there, or delete it"
        )
    status = path.stat()
    found = f"{path}: mode {status.st_mode & 0o777:04o}"
    if status.st_mode & 0o077:
        advice = f"`chmod 600 {path}`, and delete it for a new one if others use this machine"
        return Finding(RAY_ACCESS, f"{found}, others can use it", "warning", advice)
    return Finding(RAY_ACCESS, found)
