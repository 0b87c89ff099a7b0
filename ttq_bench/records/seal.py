"""The seal of a record: ``SHA256SUMS``, a digest of every other file of its folder.

Nothing is read from a record that its seal does not vouch for. The format is that of coreutils:
``cd results/trials/ID && sha256sum -c SHA256SUMS``.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from ttq_bench.errors import ResultsError
from ttq_bench.files import unreadable

SEAL = "SHA256SUMS"
REMEDY = "restore it from version control, or delete its folder to run the trial again"


def seal_bytes(digests: Mapping[str, str]) -> bytes:
    """Return the seal of the files with these sha256 digests, ordered by name."""
    return "".join(_line(digest, name) for name, digest in sorted(digests.items())).encode()


def sha256(content: bytes) -> str:
    """Return the hexadecimal digest that stands in a seal."""
    return hashlib.sha256(content).hexdigest()


def read_sealed(path: Path, seal: bytes) -> bytes:
    """Return the bytes of ``path``; ``ResultsError`` unless ``seal`` has their digest."""
    try:
        content = path.read_bytes()
    except OSError as error:
        if not _is_missing(path, error):
            raise unreadable(path, error) from error
        raise ResultsError(f"{path}: cannot be read ({error.strerror}); {REMEDY}") from error
    if _line(sha256(content), path.name).encode() not in seal.splitlines(keepends=True):
        raise ResultsError(f"{path}: does not agree with {SEAL}, one of them changed; {REMEDY}")
    return content


def check_seal(folder: Path, seal: bytes, digests: Mapping[str, str]) -> None:
    """Raise ``ResultsError`` unless the folder's ``seal`` is, to the byte, that of ``digests``."""
    if seal != seal_bytes(digests):
        raise ResultsError(
            f"{folder / SEAL}: is not the list of files that record.json gives; {REMEDY}"
        )


def _is_missing(path: Path, error: OSError) -> bool:
    """Return whether nothing is there: else what is there may be good, and is not to be deleted."""
    return isinstance(error, FileNotFoundError) and not path.is_symlink()


def _line(digest: str, name: str) -> str:
    return f"{digest}  {name}\n"


def read_seal(asked: Path) -> bytes:
    """Return the seal beside the file ``asked``; ``ResultsError`` where it cannot be read."""
    path = asked.parent / SEAL
    try:
        return path.read_bytes()
    except OSError as error:
        if not _is_missing(path, error):
            raise unreadable(path, error) from error
        raise ResultsError(
            f"{path}: cannot be read ({error.strerror}), so nothing vouches for {asked.name};"
            " copy it from where the record came from, or restore it from version control"
        ) from error
