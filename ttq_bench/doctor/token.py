"""Ray's token: whoever has it can run code as its owner while Ray runs."""

import os
from pathlib import Path

from ttq_bench.doctor.finding import Finding
from ttq_bench.execution.ray.security import token_path

NAME = "ray token"


def check() -> list[Finding]:
    """Return the row of the token; nothing is made or changed."""
    mode = os.environ.get("RAY_AUTH_MODE", "token").lower()
    if mode != "token":
        advice = "unset it, unless your cluster has no tokens: whoever reaches Ray can run code"
        return [Finding(NAME, f"RAY_AUTH_MODE={mode}", "warning", advice)]
    if os.environ.get("RAY_AUTH_TOKEN"):
        return [Finding(NAME, "in RAY_AUTH_TOKEN")]
    return [judged(token_path())]


def judged(path: Path) -> Finding:
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
