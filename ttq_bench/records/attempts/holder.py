"""Which process holds a claim, as text that another driver reads.

Two machines, or two containers of one machine, may have the same name. So the text also names the
running system and the namespace in which the number of the process counts.
"""

import os
import re
import socket
from pathlib import Path

_NAME = re.compile(r"(process (\d{1,9}) on (.+?))(?: \[(.*)\])?")
BOOT = Path("/proc/sys/kernel/random/boot_id")
PROCESS_NAMESPACE = Path("/proc/self/ns/pid")


def this_host() -> str:
    """Return the name of this machine."""
    return socket.gethostname()


def this_process() -> str:
    """Return the name under which this process holds a lock."""
    return f"process {os.getpid()} on {this_host()} [{_this_system()}]"


def without_system(name: str) -> str:
    """Return the name of a process as messages have it: its number and its machine."""
    named = _NAME.fullmatch(name)
    return named[1] if named else name


def has_ended_here(name: str) -> bool:
    """Return whether ``name`` is that of a process of this machine which is no more.

    False where that cannot be known, as for a name of an older version, which tells no system.
    """
    named, system = _NAME.fullmatch(name), _this_system()
    is_from_here = named and system and named[3] == this_host() and named[4] == system
    return bool(named and is_from_here and not Path(f"/proc/{named[2]}").exists())


def _this_system() -> str:
    """Return the boot of this system and the namespace of processes, empty if they are unknown."""
    try:
        return f"{BOOT.read_text(encoding='ascii').strip()} {PROCESS_NAMESPACE.stat().st_ino}"
    except (OSError, ValueError):
        return ""
