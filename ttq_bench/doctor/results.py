"""Whether the place of the results does what records need: names that appear whole, once.

In a folder, all of it is tried below a hidden one that is deleted afterwards: by the driver and, on
a cluster, by each node. A node that can read a token of the driver there sees the same folder.
Object storage must let us in, answer, and keep the condition of a put; each machine asks with the
credentials of its own environment, and none are sent.
"""

import contextlib
import errno
import fcntl
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ttq_bench.doctor.finding import Finding
from ttq_bench.errors import ResultsError
from ttq_bench.files import sync_folder, write_temporary
from ttq_bench.records.remote.objects import Objects

LOOK_SECONDS = 5.0  # what is written on one machine shows late on another
ELSEWHERE = "name a folder on another file system with --results"


def check(results: Path) -> list[Finding]:
    """Return the row of the results folder."""
    name = "results"
    try:
        with token_in(results):
            if failed := tried_out(results):
                return [Finding(name, f"{results}: {failed}", "problem", ELSEWHERE)]
    except OSError as error:
        told = f"{results}: results cannot be written there ({error.strerror})"
        advice = "name another folder with --results"
        return [Finding(name, told, "problem", advice, ResultsError.exit_code)]
    return [Finding(name, f"{results}: files can be written, renamed, linked and locked")]


@contextlib.contextmanager
def token_in(results: Path) -> Iterator[tuple[Path, str]]:
    """Yield a hidden file in ``results`` and the token that it holds; leave nothing behind."""
    missing = [folder for folder in (results, *results.parents) if not folder.exists()]
    try:
        token = secrets.token_hex(16)
        path = write_temporary(results / "doctor", token.encode())
        try:
            yield path, token
        finally:
            path.unlink(missing_ok=True)
    finally:
        for folder in missing:
            with contextlib.suppress(OSError):
                folder.rmdir()


def seen_from_node(path: Path, token: str) -> str:
    """Return why a node cannot use the folder of ``path``, the driver's token; empty if it can."""
    until = time.monotonic() + LOOK_SECONDS
    while not (found := _read(path)) and time.monotonic() < until:
        time.sleep(0.2)
    if found == token:
        return tried_out(path.parent)
    return "is another folder" if path.parent.is_dir() else "is not there"


def tried_out(results: Path) -> str:
    """Return what cannot be done in a folder that a run has to do, empty if all can."""
    try:
        place = Path(tempfile.mkdtemp(prefix=".doctor.", suffix=".tmp", dir=results))
    except OSError as error:
        return f"cannot be written ({error.strerror})"
    try:
        for words, attempt in ATTEMPTS.items():
            try:
                attempt(place)
            except OSError as error:
                return f"{words} ({error.strerror or error})"
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return ""


def _rename(place: Path) -> None:
    _write(place / "a")
    (place / "a").rename(place / "b")
    sync_folder(place)
    if (place / "a").exists() or _read(place / "b") != "b":
        raise OSError(errno.EIO, "the old name is still there, or the content is not")


def _link(place: Path) -> None:
    _write(place / "c")
    os.link(place / "c", place / "d")
    with contextlib.suppress(FileExistsError):
        os.link(place / "c", place / "d")
        raise OSError(errno.EIO, "a second link took the place of the first")


def _publish(place: Path) -> None:
    """Rename a folder to the name of one that is not empty, which has to be refused."""
    for name in ("mine", "theirs"):
        (place / name).mkdir()
        _write(place / name / "record")
    try:
        (place / "mine").rename(place / "theirs")
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return
        raise
    raise OSError(errno.EIO, "it took the place of a folder that was there")


def _lock(place: Path) -> None:
    with (place / "lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)


ATTEMPTS = {
    "files cannot be written and renamed": _rename,
    "files cannot be linked": _link,
    "folders cannot be published by a rename": _publish,
    "files cannot be locked": _lock,
}


def _write(path: Path) -> None:
    with path.open("w", encoding="ascii") as stream:
        stream.write("b")
        stream.flush()
        os.fsync(stream.fileno())


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""


def check_url(url: str) -> list[Finding]:
    """Return the row of the results; raises what keeps them from being kept at ``url``."""
    _try_out(Objects(url))
    return [Finding("results", f"{url}: objects can be put once, read, listed and deleted")]


@contextlib.contextmanager
def token_at(url: str) -> Iterator[tuple[str, str]]:
    """Yield the URL of an object and the token that it holds; leave nothing behind."""
    objects, name, token = (
        Objects(url),
        f"work/doctor-{secrets.token_hex(8)}",
        secrets.token_hex(16),
    )
    objects.create(name, token.encode())
    try:
        yield f"{url}/{name}", token
    finally:
        objects.delete([name])


def url_seen_from_node(token_url: str, token: str) -> str:
    """Return why a node cannot use the place of the driver's token; empty if it can."""
    url, folder, name = token_url.rsplit("/", 2)
    try:
        objects = Objects(url)
        if objects.read(f"{folder}/{name}") != token.encode():
            return "is another place"
        _try_out(objects)
    except ResultsError as error:
        return str(error).removeprefix(f"{url}: ")
    except OSError as error:
        return error.strerror or repr(error)
    return ""


def _try_out(objects: Objects) -> None:
    objects.check()
    objects.names("work")
