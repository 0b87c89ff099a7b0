"""Writing files so that a reader sees the old state or the new one, never half of either."""

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from ttq_bench.errors import ResultsError, TtqBenchError

CHUNK_BYTES = 1 << 20
PERMISSION = "give this user the right to read it"
# What to do about a file that cannot be read, by the system's reason.
UNREADABLE = {
    errno.EACCES: PERMISSION,
    errno.EPERM: PERMISSION,
    errno.EISDIR: "move this folder elsewhere",
    errno.ENOENT: "bring it back from where it was kept",
}
TEMPORARY = re.compile(r"\.(.+)\.[a-z0-9_]{8}\.tmp")  # as ``write_temporary`` names them


def write_atomically(path: Path, content: bytes) -> None:
    """Write ``content`` under a temporary name, flush it to the disk, rename it to ``path``."""
    temporary = write_temporary(path, content)
    try:
        temporary.replace(path)
    except BaseException:
        _discard(temporary)
        raise
    sync_folder(path.parent)


def publish_once(path: Path, content: bytes) -> bool:
    """Create ``path`` with ``content``; return False, and change nothing, when it exists already.

    The link is the only step that makes the file visible, and the file system lets one caller
    win: of any number of processes that publish the same path, exactly one gets True.
    """
    temporary = write_temporary(path, content)
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)
    return True


def write_temporary(path: Path, content: bytes) -> Path:
    """Write ``content`` to a new hidden file beside ``path``, flushed to the disk; return it.

    An ``OSError`` names ``path``: those of writing and flushing name nothing by themselves.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(0o644)  # mkstemp's 0600 would close shared results to other users
    except OSError as error:
        _discard(temporary)
        raise OSError(error.errno, error.strerror, str(path)) from error
    except BaseException:
        _discard(temporary)
        raise
    return temporary


def remove_temporaries(root: Path, names: re.Pattern[str], places: str = "") -> None:
    """Delete temporary files that ``write_temporary`` left for names that match ``names``.

    Names are relative to ``root``; ``places`` is a pattern of the folders to look into. Call it
    when no writer is at work there: a writer that is at work fails with an ``OSError``. Hidden
    files of other programs stay.
    """
    for temporary in root.glob(f"{places}/.*.tmp" if places else ".*.tmp"):
        match = TEMPORARY.fullmatch(temporary.name)
        if match is None or temporary.is_symlink() or not temporary.is_file():
            continue
        if names.fullmatch((temporary.parent / match[1]).relative_to(root).as_posix()):
            _discard(temporary)


@contextlib.contextmanager
def held_alone(lock: Path, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the file ``lock``, which is made and deleted here, while the block lasts.

    Others who want it wait, and call ``on_wait`` before. When a process dies, the system drops its
    lock. Raises ``OSError`` where the file cannot be made, or the file system has no locks.
    """
    while True:
        with lock.open("ab") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                on_wait()
                fcntl.flock(stream, fcntl.LOCK_EX)
            if not _lies_there(lock, stream):
                continue  # its holder deleted it: others find a new one, or none
            try:
                yield
            finally:
                _discard(lock)
            return


def _lies_there(lock: Path, stream: BinaryIO) -> bool:
    try:
        return os.path.samestat(lock.stat(), os.fstat(stream.fileno()))
    except FileNotFoundError:
        return False


def _discard(temporary: Path) -> None:
    with contextlib.suppress(OSError):  # the error before this one is raised
        temporary.unlink()


def home_folder(instead: str) -> Path:
    """Return the user's home folder; ``instead`` names the variable to set where there is none.

    Raises ``TtqBenchError`` where HOME is not set and the system does not know this user.
    """
    try:
        return Path.home()
    except RuntimeError as error:
        raise TtqBenchError(
            f"no home folder: HOME is not set, and the system knows no user {os.getuid()};"
            f" set {instead} to a folder that this user can write, or HOME"
        ) from error


def sync_folder(folder: Path) -> None:
    """Flush a folder's list of names, so that a rename in it survives a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_text(path: Path) -> str:
    """Return the text of a file; ``ResultsError`` where it cannot be read, or is no UTF-8."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ResultsError(
            f"{path}: is not text in UTF-8 (byte {error.start:,}); save it as such"
        ) from error
    except OSError as error:
        raise ResultsError(f"{path}: cannot be read ({error.strerror})") from error


def unreadable(path: Path, error: OSError) -> ResultsError:
    """Return the error for a file that is there and cannot be read. Its content may be good."""
    lost_link = error.errno == errno.ENOENT and path.is_symlink()
    remedy = (
        "the file that this link names is not here; bring it back, or move the link elsewhere"
        if lost_link
        else UNREADABLE.get(error.errno or 0, "what it holds may be good; try again")
    )
    return ResultsError(f"{path}: cannot be read ({error.strerror}); {remedy}")


def replaceable(path: Path, is_ours: Callable[[bytes], bool], refusal: str) -> bytes:
    """Return the content of a file that may be replaced, empty where there is none.

    Raises ``ResultsError`` for a file that cannot be read, for a pipe or a device, and, with the
    sentence ``refusal``, for a file that holds something and is not ours.
    """
    try:
        if path.exists() and not path.is_file() and not path.is_dir():  # a pipe would block
            raise ResultsError(f"{path}: is neither a file nor a folder; move it elsewhere")
        content = path.read_bytes()
    except NotADirectoryError as error:
        in_the_way = next(parent for parent in path.parents if parent.exists())
        raise ResultsError(f"{in_the_way}: is no folder; name another place") from error
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not path.is_symlink():
            return b""
        raise unreadable(path, error) from error
    if content.strip() and not is_ours(content):
        raise ResultsError(f"{path}: {refusal}")
    return content


def digest_path(path: Path) -> Path:
    """Return where the sha256 of ``path`` is kept: beside it."""
    return path.with_suffix(".sha256")


def is_intact(path: Path) -> bool:
    """Return whether ``path`` is there and has the digest that is kept beside it."""
    try:
        return file_digest(path) == digest_path(path).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return False


def file_digest(path: Path, algorithm: str = "sha256") -> str:
    """Return the hexadecimal digest of a file, read in chunks."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()
