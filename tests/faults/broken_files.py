"""File operations that fail: in a child of its own, at the k-th operation below one folder.

Counted is what the main thread asks of the system: opening a file to write, write, fsync, rename,
link, mkdir, unlink, rmdir, chmod. Audit hooks see most of them and can refuse them; ``write`` and
``fsync`` have none, so files below the folder are opened with a raw stream that counts, and
``os.fsync`` is wrapped. The heartbeat writes at moments of its own and is not counted; a fault
that lasts meets it as well. Children are forked from one process that has imported torch.
"""

import builtins
import errno
import io
import multiprocessing
import os
import re
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REFUSALS = {"ENOSPC": errno.ENOSPC, "EIO": errno.EIO, "EACCES": errno.EACCES}
# What the system does not answer to these: deleting needs no room, an open file no permission.
NEVER = {
    "ENOSPC": ("unlink", "rmdir", "chmod"),
    "EACCES": ("write", "fsync"),
    "short write": ("open", "fsync", "rename", "link", "mkdir", "unlink", "rmdir", "chmod"),
}
KINDS = ("exception", "SIGKILL", *REFUSALS, "short write", "change")
BROKEN = 99  # exit code of a child that the exception ended
OPTIONS = ("buffering", "encoding", "errors", "newline", "closefd", "opener")  # of open, in order
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
# Audit event: the operation's name, and where its path and its folder's handle stand.
EVENTS = {
    "os.rename": ("rename", 1, 3),
    "os.link": ("link", 1, 3),
    "os.mkdir": ("mkdir", 0, 2),
    "os.remove": ("unlink", 0, 1),
    "os.rmdir": ("rmdir", 0, 1),
    "os.chmod": ("chmod", 0, 2),
}
RANDOM = ((re.compile(r"\.([^/]+)\.[a-z0-9_]{8}\.tmp"), r"\1"),
          (re.compile(r"(^|/)\.([^/]+)\.[a-z0-9_]{8}(?=/|$)"), r"\1\2"))  # fmt: skip

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.faults.preloaded"])


class BrokenError(Exception):
    """What nobody expects: no OSError, no error of the product."""


@dataclass(frozen=True)
class Fault:
    """``kind`` (one of KINDS) at the ``at``-th operation below ``root``; 0: never, only counted.

    The kind ``change`` breaks nothing: the first folder of ``change`` takes the second's place.
    """

    root: Path
    kind: str = "exception"
    at: int = 0
    lasting: bool = False
    change: tuple[Path, Path] | None = None


@dataclass(frozen=True)
class Ended:
    """How a child ended: exit code (minus the signal), operations until then, what it said."""

    code: int
    operations: list[str]
    fired: bool
    out: str
    err: str


def forked(notes: Path, fault: Fault, action: Callable[..., int], *arguments: Any) -> Ended:
    """Run ``action`` in a child with ``fault``; ``notes`` is a folder outside of ``fault.root``."""
    notes.mkdir(parents=True, exist_ok=True)
    process = FORKS.Process(target=_child, args=(notes, fault, action, arguments))
    process.start()
    process.join(120)
    if process.exitcode is None:
        process.kill()
        process.join()
        raise TimeoutError(f"{fault}: the child hangs: {(notes / 'err').read_text()}")
    lines = (notes / "operations").read_text(encoding="utf-8").splitlines()
    fired = "fired" in lines
    told = [(notes / name).read_text(encoding="utf-8") for name in ("out", "err")]
    return Ended(process.exitcode, [line for line in lines if line != "fired"], fired, *told)


def _child(notes: Path, fault: Fault, action: Callable[..., int], arguments: Any) -> None:
    for number, name in ((1, "out"), (2, "err")):
        handle = os.open(notes / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, number)
    log = os.open(notes / "operations", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    _Injector(fault, log).install()
    try:
        code = action(*arguments)
    except BrokenError:
        code = BROKEN
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


class _Injector:
    def __init__(self, fault: Fault, log: int) -> None:
        self.fault, self.log = fault, log
        self.root = str(fault.root)
        self.count, self.fired = 0, False
        self.main = threading.main_thread()

    def install(self) -> None:
        fsync, open_ = os.fsync, io.open

        def broken_fsync(handle: int) -> None:
            self.meet("fsync", _path_of(handle))
            fsync(handle)

        def broken_open(file: Any, mode: str = "r", *more: Any, **named: Any) -> Any:
            where = _path_of(file) if isinstance(file, int) else os.fspath(file)
            if set(mode) & set("wax+") and self.is_below(where):
                return _stream(self, where, file, mode, *more, **named)
            return open_(file, mode, *more, **named)

        os.fsync = broken_fsync
        io.open = builtins.open = broken_open
        sys.addaudithook(self.hear)

    def is_below(self, path: Any) -> bool:
        return f"{os.fsdecode(path)}/".startswith(f"{self.root}/")

    def hear(self, event: str, arguments: Any) -> None:
        if event == "open":
            path, _, flags = arguments
            if isinstance(path, (str, bytes)) and flags and flags & WRITING:
                self.meet("open", path)
        elif event in EVENTS:
            name, place, folder = EVENTS[event]
            path = arguments[place]
            if isinstance(path, int):
                path = _path_of(path)
            elif len(arguments) > folder and arguments[folder] not in (-1, None):
                path = os.path.join(_path_of(arguments[folder]), os.fsdecode(path))  # noqa: PTH118
            self.meet(name, path)

    def meet(self, name: str, path: Any, half: Callable[[], int] | None = None) -> int | None:
        """Count an operation; do the fault if it is its turn. A short write returns its length."""
        if not self.is_below(path):
            return None
        kind, main = self.fault.kind, threading.current_thread() is self.main
        if main:
            self.count += 1
            os.write(self.log, f"{name} {_shape(os.fsdecode(path), self.root)}\n".encode())
        again = self.fired and self.fault.lasting
        if name in NEVER.get(kind, ()) or not (again or (main and self.count == self.fault.at)):
            return None
        if not self.fired:
            os.write(self.log, b"fired\n")
        self.fired = True
        if kind == "exception":
            raise BrokenError(name)
        if kind == "SIGKILL":
            if half is not None:
                half()
            os.kill(os.getpid(), signal.SIGKILL)
        if kind == "change":
            source, target = self.fault.change or ()
            target.rename(f"{target}-before")
            source.rename(target)
            return None
        if kind == "short write":
            assert half is not None
            return half()
        raise OSError(REFUSALS[kind], os.strerror(REFUSALS[kind]), None if half else str(path))


class _Raw(io.FileIO):
    """A file whose every write is counted."""

    injector: _Injector
    where: str
    full = False

    def write(self, data: Any) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        view = memoryview(data).cast("B")
        plain = super().write
        done = self.injector.meet("write", self.where, lambda: plain(view[: len(view) // 2]))
        if done is None:
            return plain(view)
        self.full = True
        return done


def _stream(injector: _Injector, where: Any, file: Any, mode: str, *more: Any, **named: Any) -> Any:
    how = dict(zip(OPTIONS, more, strict=False)) | named
    of_text = {name: how[name] for name in ("encoding", "errors", "newline") if name in how}
    of_file = {name: how[name] for name in ("closefd", "opener") if name in how}
    raw = _Raw(file, mode.replace("b", "").replace("t", ""), **of_file)
    raw.injector, raw.where = injector, os.fsdecode(where)
    buffer = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
    return buffer if "b" in mode else io.TextIOWrapper(buffer, **of_text)


def _path_of(handle: int) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{handle}")  # noqa: PTH115 - a socket is no path
    except OSError:
        return ""


def _shape(path: str, root: str) -> str:
    """Return a path below ``root`` without what is random in names."""
    path = os.path.relpath(path, root)
    for pattern, rest in RANDOM:
        path = pattern.sub(rest, path)
    return path
