"""Which process holds a claim: its number and its machine, as text that another driver reads."""

import os
import re
import socket
from pathlib import Path

_NAME = re.compile(r"process (\d{1,9}) on (.+)")


def this_host() -> str:
    """Return the name of this machine."""
    return socket.gethostname()


def this_process() -> str:
    """Return the name under which this process holds a lock."""
    return f"process {os.getpid()} on {this_host()}"


def has_ended_here(name: str) -> bool:
    """Return whether ``name`` is that of a process of this machine which is no more."""
    named = _NAME.fullmatch(name)
    return bool(named and named[2] == this_host() and not Path(f"/proc/{named[1]}").exists())
