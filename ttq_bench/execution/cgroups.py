"""What the control groups of this process leave it of the machine: cores and bytes of memory.

A container sees all cores and all memory of its host; its limits stand here alone. Version 2 has
one tree, version 1 one for each controller; a limit of any group above counts as well. ``root`` is
where ``/proc`` and ``/sys`` lie.
"""

import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/")
PROCESS = "proc/self/cgroup"
NO_LIMIT_BYTES = 1 << 60  # version 1 says "none" with nearly 2^63


def usable_cores(root: Path = ROOT) -> int:
    """Return on how many cores this process may compute at once: its affinity and its quota."""
    seen = len(os.sched_getaffinity(0))
    quota = core_quota(root)
    return seen if quota is None else max(1, min(seen, int(quota)))


def core_quota(root: Path = ROOT) -> float | None:
    """Return how many cores' time this process may use, None without a limit."""
    quotas = []
    for group in _groups(root, "cpu"):
        words = _words(group / "cpu.max")
        words = words or _words(group / "cpu.cfs_quota_us") + _words(group / "cpu.cfs_period_us")
        if len(words) == 2 and words[0] not in ("max", "-1"):  # noqa: PLR2004
            quotas.append(int(words[0]) / int(words[1]))
    return min(quotas, default=None)


def memory_left(root: Path = ROOT) -> int | None:
    """Return the bytes until the first limit of memory is met, None without a limit.

    What only caches files is given back by the system first, and counts as free.
    """
    left = []
    for group in _groups(root, "memory"):
        limit = _words(group / "memory.max") or _words(group / "memory.limit_in_bytes")
        used = _words(group / "memory.current") or _words(group / "memory.usage_in_bytes")
        if limit and used and limit[0] != "max" and int(limit[0]) < NO_LIMIT_BYTES:
            left.append(int(limit[0]) - int(used[0]) + _caches(group))
    return min(left, default=None)


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of the groups that this process is in, each with all above it."""
    mounted = root / "sys/fs/cgroup"
    for line in _lines(root / PROCESS):
        _, controllers, place = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        top = mounted / controller if controllers else mounted
        group = top / place.lstrip("/")
        # Inside a container the path may be the host's, which is not to be seen here.
        yield from (folder for folder in (group, *group.parents) if folder.is_relative_to(top))


def _caches(group: Path) -> int:
    names = ("inactive_file", "total_inactive_file")
    fields = (line.split() for line in _lines(group / "memory.stat"))
    found = {name: int(number) for name, number in fields if name in names}
    return max(found.values(), default=0)


def _words(path: Path) -> list[str]:
    return [word for line in _lines(path) for word in line.split()]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return []
