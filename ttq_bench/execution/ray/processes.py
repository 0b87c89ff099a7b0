"""Whether a Ray of our own still runs, seen in the list of processes and not by asking Ray.

A call of Ray may hang for a minute after its server was killed, and then end this process with a
code of its own. A thread here is faster: it prints one sentence, and ends with the promised code.
"""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from ttq_bench.errors import ClusterError

NAMES = ("gcs_server", "raylet")
LOOK_SECONDS = 0.5
GRACE_SECONDS = 5.0  # for the driver to end by itself, with all that it has to close
ENDED = "Ray here has ended (killed?); run the same command again"


class OwnProcesses:
    """The servers of a Ray that this process starts, watched from before its start on."""

    def __init__(self, leave: Callable[[], object] | None = None) -> None:
        """Watch from now on; ``leave`` ends this process where the driver does not."""
        self.seen: dict[int, str] = {}
        self.lost = threading.Event()
        self.over = threading.Event()
        self.leave = leave or self._leave
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def check(self) -> None:
        """Raise ``ClusterError`` where one of them has ended."""
        if self.lost.is_set():
            raise ClusterError(ENDED)

    def close(self) -> None:
        """Watch no longer: they may end now."""
        self.over.set()

    def _watch(self) -> None:
        while not self.over.wait(LOOK_SECONDS):
            if len(self.seen) < len(NAMES):
                self.seen |= _servers_of(os.getpid())
            if not all(map(_lives, self.seen)):
                self.lost.set()
                if not self.over.wait(GRACE_SECONDS):
                    self.leave()
                return

    def _leave(self) -> None:
        with contextlib.suppress(Exception):  # whatever is left of the terminal
            print(f"ttq-bench: {ENDED}", file=sys.stderr, flush=True)
        for process in filter(_lives, self.seen):
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)  # workers end with them
        os._exit(ClusterError.exit_code)


def _servers_of(parent: int) -> dict[int, str]:
    """Return the names of Ray's servers among the children of a process."""
    servers = {}
    for folder in Path("/proc").glob("[0-9]*"):
        status = _status(int(folder.name))
        if status is not None and status[0] in NAMES and status[2] == parent:
            servers[int(folder.name)] = status[0]
    return servers


def _lives(process: int) -> bool:
    status = _status(process)
    return status is not None and status[1] not in "ZX"


def _status(process: int) -> tuple[str, str, int] | None:
    """Return name, state and parent of a process, None where it is gone."""
    try:
        before, _, after = Path(f"/proc/{process}/stat").read_text().rpartition(")")
    except (OSError, ValueError):
        return None
    state, parent = after.split()[:2]
    return before.partition("(")[2], state, int(parent)
