"""How an attempt at a trial can end, and how often each kind of failure is tried again."""

import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from ttq_bench.errors import TtqBenchError

Outcome = Literal["finished", "diverged", "stopped", "failed"]
Cause = Literal["", "node", "crash", "silence", "memory", "system", "error"]

# Attempts in one run until a trial is given up. A node that goes is no fault of the trial; memory
# that ran out once may have been taken by a neighbour, so the second attempt runs alone; an error
# of the code or of the input comes again.
MOST_ATTEMPTS: Mapping[Cause, int] = MappingProxyType(
    {"node": 20, "crash": 3, "silence": 3, "memory": 2, "system": 3, "error": 1}
)
# Another of the processes that train together is gone: gloo and NCCL have no class in common.
LOST_PEER = (
    "Connection closed by peer", "Connection reset by peer", "Broken pipe", "Timed out waiting",
    "ncclRemoteError", "Default process group has not been initialized",
)  # fmt: skip
ADVICE: Mapping[int, str] = MappingProxyType(
    {
        errno.ENOSPC: "free some room on that disk",
        errno.EDQUOT: "free some of the quota on that disk",
        errno.EFBIG: "raise the limit of a file's size (`ulimit -f`)",
        errno.EMFILE: "raise the limit of open files (`ulimit -n`)",
        errno.EROFS: "take a disk that can be written",
        errno.EACCES: "give this user the right to write there",
        errno.EPERM: "give this user the right to write there",
    }
)
NO_MEMORY = ("can't allocate memory", "out of memory", "DefaultCPUAllocator")
# A process that decodes images died. Torch names the signal here or in the error before this one;
# a system without memory sends SIGKILL, one without shared memory SIGBUS.
LOST_DECODER = "DataLoader worker (pid"
SIGNALS_OF_MEMORY = ("killed by signal: Killed", "killed by signal: Bus error")


@dataclass(frozen=True, slots=True)
class Ended:
    """How an attempt ended; ``cause`` is the class of a failure, empty for everything else.

    ``by_driver``: the driver gave it up, so that no worker has written ``failure.json``.
    """

    trial_id: str
    outcome: Outcome
    message: str = ""
    cause: Cause = ""
    by_driver: bool = False


class SupersededError(Exception):
    """A newer attempt has the trial, or the lease is damaged: this one writes nothing more."""


def in_words(error: BaseException) -> str:
    """Return what a failure says to a user: where, what, and for a full disk what to do."""
    if isinstance(error, TtqBenchError):
        return str(error)
    if not isinstance(error, OSError) or not error.strerror:
        return repr(error)
    names = [os.fsdecode(name) for name in (error.filename, error.filename2) if name]
    where = f"{' or '.join(names)}: " if names else ""
    advice = ADVICE.get(error.errno or 0, "")
    return f"{where}{error.strerror}{f'; {advice}' if advice else ''}"


def cause_of(error: BaseException) -> Cause:
    """Return the class of a failure within a worker."""
    if isinstance(error, MemoryError):
        return "memory"
    # Both of torch's are RuntimeErrors: OutOfMemoryError of a GPU, and the host's with this text.
    if isinstance(error, RuntimeError) and any(words in str(error) for words in NO_MEMORY):
        return "memory"
    if isinstance(error, RuntimeError) and str(error).startswith(LOST_DECODER):
        words = f"{error} {error.__cause__}"
        return "memory" if any(signal in words for signal in SIGNALS_OF_MEMORY) else "crash"
    group = isinstance(error, RuntimeError | ValueError)
    if group and any(words in str(error) for words in LOST_PEER):
        return "crash"
    return "system" if isinstance(error, OSError) else "error"
