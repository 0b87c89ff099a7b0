"""What a user should know of this machine before Ray starts on it: one sentence each."""

import os
import shutil

OBJECT_STORE_BYTES = 100_000_000  # nothing large passes through it: images are mapped from files


def notes(address: str | None, device: str) -> list[str]:
    """Return what is unusual here and does not keep a run from going on.

    ``device`` is what the user chose for the trials, ``auto`` for no choice.
    """
    if address is not None:
        if device != "auto":
            return []
        return ["the device of trials is what this machine has; --device cuda or cpu is for nodes"
                " that have another"]  # fmt: skip
    lines = []
    if os.environ.get("RAY_ADDRESS"):
        lines.append("RAY_ADDRESS is set and not used: this run starts Ray for itself; --address"
                     " names a cluster")  # fmt: skip
    free = free_shared_memory()
    if free is not None and free < OBJECT_STORE_BYTES:
        lines.append(
            f"shared memory (/dev/shm) has {free / 1e6:.0f} MB free, fewer than the"
            f" {OBJECT_STORE_BYTES / 1e6:.0f} that Ray wants: it uses /tmp, which costs little here"
        )
    return lines


def free_shared_memory() -> int | None:
    """Return the free bytes of /dev/shm, None where there is none."""
    try:
        return shutil.disk_usage("/dev/shm").free  # noqa: S108 - asked, not written
    except OSError:
        return None
