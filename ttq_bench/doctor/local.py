"""All checks of this machine, in the order of the table; and that of Ray's token.

Whoever has the token can run code as its owner while Ray runs.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from ttq_bench.doctor import images, machine, versions
from ttq_bench.doctor import results as results_checks
from ttq_bench.doctor.finding import Finding, carried_out
from ttq_bench.execution.ray.security import token_path

Check = Callable[[], list[Finding]]
NAME = "ray token"


def checks(results: Path | str, data_dir: Path, cache: Path) -> Mapping[str, Check]:
    """Return every check by the name that its row bears when it cannot be carried out.

    ``results`` is a URL where it is text.
    """
    return {
        "versions": versions.check,
        "gpu": machine.check_gpus,
        "cores": machine.check_cores,
        "memory": machine.check_memory,
        "disk": lambda: machine.check_disk(results, cache),
        "shared memory": machine.check_shared_memory,
        "images": lambda: images.check(data_dir, cache),
        NAME: check_token,
        "clock": versions.check_clock,
        "results": lambda: (
            results_checks.check_url(results)
            if isinstance(results, str)
            else results_checks.check(results)
        ),
    }


def examine(results: Path | str, data_dir: Path, cache: Path) -> list[Finding]:
    """Return what all checks of this machine found."""
    table = checks(results, data_dir, cache)
    return [row for name, check in table.items() for row in carried_out(name, check)]


def check_token() -> list[Finding]:
    """Return the row of the token; nothing is made or changed."""
    mode = os.environ.get("RAY_AUTH_MODE", "token").lower()
    if mode != "token":
        advice = "unset it, unless your cluster has no tokens: whoever reaches Ray can run code"
        return [Finding(NAME, f"RAY_AUTH_MODE={mode}", "warning", advice)]
    if os.environ.get("RAY_AUTH_TOKEN"):
        return [Finding(NAME, "in RAY_AUTH_TOKEN")]
    return [judged_token(token_path())]


def judged_token(path: Path) -> Finding:
    """Return what to do about the file of the token."""
    if not path.exists():
        return Finding(NAME, f"{path}: not there yet, the first run makes it with mode 0600")
    try:
        empty = not path.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        told = f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})"
        return Finding(NAME, told, "problem", "put the token there, or delete it")
    if empty:
        return Finding(NAME, f"{path}: is empty", "problem", "put the token there, or delete it")
    status = path.stat()
    found = f"{path}: mode {status.st_mode & 0o777:04o}"
    if status.st_mode & 0o077:
        advice = f"`chmod 600 {path}`, and delete it for a new one if others use this machine"
        return Finding(NAME, f"{found}, others can use it", "warning", advice)
    return Finding(NAME, found)
