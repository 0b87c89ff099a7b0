"""Where a Ray of our own keeps its session: sockets, logs, and the files with its ports.

Ray gives these mode 0777. Whoever writes the file of a port first is called by the driver, token
included. So the session lies in a folder that only its owner can enter.
"""

import contextlib
import os
import re
import stat
import tempfile
from pathlib import Path

from ttq_bench.errors import TtqBenchError

# A path of a socket has at most 107 bytes; Ray adds session_DATE_TIME_PROCESS/sockets/plasma_store.
MOST_BYTES = 38
PLAIN = re.compile(r"[A-Za-z0-9/._+@:,-]+")  # Ray builds command lines out of it


def session_folder() -> Path:
    """Return the folder around sessions, made with mode 0700 below TMPDIR (``RAY_TMPDIR`` wins).

    Ray gets a folder in it: it opens the one it is given to everybody.
    Raises ``TtqBenchError`` that names the variable where Ray could not work below it.
    """
    name = "RAY_TMPDIR" if os.environ.get("RAY_TMPDIR") else "TMPDIR"
    above = Path(os.environ.get("RAY_TMPDIR") or tempfile.gettempdir()).absolute()
    folder = above / f"ttq-{os.getuid()}"
    if len(os.fsencode(folder)) > MOST_BYTES or not PLAIN.fullmatch(str(folder)):
        raise TtqBenchError(
            f"{name}: Ray cannot keep its sockets below {str(above)!r} (at most"
            f" {MOST_BYTES - len(folder.name) - 1} plain letters); set {name}=/tmp, or use"
            " --backend inprocess"
        )
    try:
        return folder if _is_own(folder) else Path(tempfile.mkdtemp(prefix="ttq-", dir=above))
    except OSError as error:
        raise TtqBenchError(
            f"{name}: {above} cannot be written ({error.strerror}), and Ray needs it; set"
            f" {name}=/tmp, or use --backend inprocess"
        ) from error


def _is_own(folder: Path) -> bool:
    """Return whether ``folder`` is ours alone; it is made where nothing is."""
    with contextlib.suppress(FileExistsError):  # maybe of another user, who looks into what we do
        folder.mkdir(mode=0o700)
    status = folder.lstat()
    closed = stat.S_ISDIR(status.st_mode) and not status.st_mode & 0o077
    return closed and status.st_uid == os.getuid()
