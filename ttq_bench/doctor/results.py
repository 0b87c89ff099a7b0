"""Whether the place of the results does what records need: files that appear whole, once.

A folder is tried out below a hidden one, which is deleted afterwards: by the driver and, on a
cluster, by each node. A node that can read the driver's token there sees the same folder. Object
storage must answer, and put an object only where there is none; each machine asks with the
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
from ttq_bench.records.remote.objects import Objects, is_url

LOOK_SECONDS = 5.0  # what is written on one machine shows late on another
ELSEWHERE = "name a folder on another file system with --results"


def check(results: Path | str) -> list[Finding]:
    """Return the row of the results, a folder or a URL; raises what refuses the URL."""
    name = "results"
    if isinstance(results, str):
        _try_out(Objects(results))
        return [Finding(name, f"{results}: objects can be put once, read, listed and deleted")]
    try:
        with token_in(results):
            if failed := tried_out(results):
                return [Finding(name, f"{results}: {failed}", "problem", ELSEWHERE)]
    except OSError as error:
        found = f"{results}: results cannot be written there ({error.strerror})"
        advice = "name another folder with --results"
        return [Finding(name, found, "problem", advice, ResultsError.exit_code)]
    return [Finding(name, f"{results}: files can be written, renamed, linked and locked")]


@contextlib.contextmanager
def token_in(results: Path | str) -> Iterator[tuple[str, str]]:
    """Yield where among the results a token lies, and the token; leave nothing behind.

    It lies in a hidden file of the folder, or in an object below the URL.
    """
    token = secrets.token_hex(16)
    with contextlib.ExitStack() as removals:
        if isinstance(results, str):
            objects, name = Objects(results), f"work/doctor-{secrets.token_hex(8)}"
            objects.create(name, token.encode())
            removals.callback(objects.delete, [name])
            yield f"{results}/{name}", token
        else:
            for folder in (*reversed(results.parents), results):
                if not folder.exists():
                    removals.callback(_remove_empty, folder)
            path = write_temporary(results / "doctor", token.encode())
            removals.callback(path.unlink, missing_ok=True)
            yield str(path), token


def _remove_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()


def seen_from_node(token_place: str, token: str) -> str:
    """Return why a node cannot use the results in which the driver's token lies; empty if it can.

    ``token_place`` is what ``token_in`` yields.
    """
    if is_url(token_place):
        return _url_seen_from_node(token_place, token)
    path = Path(token_place)
    until = time.monotonic() + LOOK_SECONDS
    while not (content := _read(path)) and time.monotonic() < until:
        time.sleep(0.2)
    if content == token:
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


def _url_seen_from_node(token_url: str, token: str) -> str:
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
