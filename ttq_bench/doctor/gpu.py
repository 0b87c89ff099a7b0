"""GPUs: what the driver lists against what torch can use."""

import shutil
import subprocess

from ttq_bench.doctor.finding import Finding
from ttq_bench.execution.resources import detect_machine

ELSE_CPU = "or pass `--device cpu`"


def check() -> list[Finding]:
    """Return the row of the GPUs."""
    import torch  # 1 s

    seen = torch.cuda.device_count() if torch.cuda.is_available() else 0
    named = torch.cuda.get_device_name(0) if seen else ""
    return [judged(detect_machine().gpus, driver_version(), seen, torch.version.cuda, named)]


def judged(listed: int, driver: str, seen: int, cuda: str | None, named: str) -> Finding:
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
        advice = f"install a torch that is built for CUDA (`make install`), {ELSE_CPU}"
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
