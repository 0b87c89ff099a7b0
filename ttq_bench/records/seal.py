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


def seal_bytes(by_name: Mapping[str, str]) -> bytes:
    """Return the seal of files, whose sha256 digests are given by their names."""
    return "".join(_line(digest, name) for name, digest in sorted(by_name.items())).encode()


def sha256(content: bytes) -> str:
    """Return the hexadecimal digest that stands in a seal."""
    return hashlib.sha256(content).hexdigest()


def digests(contents: Mapping[str, bytes]) -> dict[str, str]:
    """Return the sha256 of each content by its name."""
    return {name: sha256(content) for name, content in contents.items()}


def read_sealed(path: Path, seal: bytes) -> bytes:
    """Return the bytes of ``path``; ``ResultsError`` unless ``seal`` has their digest."""
    content = _read(path, f"; {REMEDY}")
    if _line(sha256(content), path.name).encode() not in seal.splitlines(keepends=True):
        raise ResultsError(f"{path}: does not agree with {SEAL}, one of them changed; {REMEDY}")
    return content


def check_seal(folder: Path, seal: bytes, by_name: Mapping[str, str]) -> None:
    """Raise ``ResultsError`` unless ``seal`` is, to the byte, that of files with these digests."""
    if seal != seal_bytes(by_name):
        raise ResultsError(
            f"{folder / SEAL}: is not the list of files that record.json gives; {REMEDY}"
        )


def read_seal(path: Path) -> bytes:
    """Return the seal beside the file ``path``; ``ResultsError`` where it cannot be read."""
    return _read(
        path.parent / SEAL,
        f", so nothing vouches for {path.name}; copy it from where the record came from, or restore"
        " it from version control",
    )


def _read(path: Path, if_missing: str) -> bytes:
    """Return the bytes of a file; the sentence about one that is missing ends in ``if_missing``.

    A file that is there and cannot be read may be good: its sentence does not say to delete it.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        if path.is_symlink() or not isinstance(error, FileNotFoundError):
            raise unreadable(path, error) from error
        raise ResultsError(f"{path}: cannot be read ({error.strerror}){if_missing}") from error


def _line(digest: str, name: str) -> str:
    return f"{digest}  {name}\n"
