"""How much memory a process has, as Linux tells it under ``/proc``."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of a process: resident in all, those that no other process shares, and its share.

    ``proportional`` counts a page that k processes share as a k-th of it.
    """

    resident: int
    own: int
    proportional: int


def memory_of(process: int) -> Memory:
    """Return what a running process has in memory now."""
    found = _kilobytes(Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii"))
    own = found["Private_Clean"] + found["Private_Dirty"]
    return Memory(1024 * found["Rss"], 1024 * own, 1024 * found["Pss"])


def peak_resident_bytes(process: int) -> int:
    """Return the most that a process had resident at once so far, 0 when it has ended."""
    try:
        text = Path(f"/proc/{process}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    return 1024 * _kilobytes(text).get("VmHWM", 0)


def _kilobytes(text: str) -> dict[str, int]:
    """Return the fields of lines such as ``Rss:  1234 kB``."""
    pairs = (line.partition(":")[::2] for line in text.splitlines() if line.endswith(" kB"))
    return {name: int(amount.split()[0]) for name, amount in pairs}
