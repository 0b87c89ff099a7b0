"""Readers of the published archives: known members only, of at most their size, never extracted.

The hash is verified before (``identity.py``). The bounds and checks here hold for any bytes all the
same: nothing that an archive says may cost more memory than the published one, or leave it.
"""

import gzip
import io
import tarfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ttq_bench.data.pickled_batches import read_batch
from ttq_bench.errors import DataError

Arrays = tuple[NDArray[np.uint8], NDArray[np.int64]]
TRAIN_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
ROW_BYTES = 3 * 32 * 32
# The largest published member has 31,035,999 bytes, the larger archive unpacks to 186 million.
MOST_MEMBER_BYTES = 32 << 20
MOST_UNPACKED_BYTES = 256 << 20
CHUNK_BYTES = 1 << 20


def read_cifar_binary(path: Path, split: str) -> Arrays:
    """Return images [N, 32, 32, 3] and labels [N] of the archive for C programs."""
    names = TRAIN_BATCHES if split == "train" else ("test_batch",)
    members = [f"cifar-10-batches-bin/{name}.bin" for name in names]
    rows = []
    for member, content in _read_members(path, members):
        if len(content) % (1 + ROW_BYTES):
            raise DataError(f"{path}: {member} has {len(content):,} bytes, not whole images")
        rows.append(np.frombuffer(content, dtype=np.uint8).reshape(-1, 1 + ROW_BYTES))
    table = np.concatenate(rows)
    return _as_images(table[:, 1:]), table[:, 0].astype(np.int64)


def read_cifar_pickles(path: Path, split: str) -> Arrays:
    """Return images [N, 32, 32, 3] and labels [N] of the archive for Python programs."""
    names = TRAIN_BATCHES if split == "train" else ("test_batch",)
    members = [f"cifar-10-batches-py/{name}" for name in names]
    images, labels = [], []
    for member, content in _read_members(path, members):
        rows, own_labels = read_batch(content, ROW_BYTES, f"{path}: {member}")
        images.append(rows)
        labels.append(own_labels)
    return _as_images(np.concatenate(images)), np.concatenate(labels)


READERS: Mapping[str, Callable[[Path, str], Arrays]] = {
    "cifar-binary": read_cifar_binary,
    "cifar-pickles": read_cifar_pickles,
}


def _as_images(rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))


class _Unpacked(io.RawIOBase):
    """The unpacked bytes of a gzip file, which end with an error at ``MOST_UNPACKED_BYTES``."""

    def __init__(self, path: Path) -> None:
        self._stream = gzip.open(path)  # noqa: SIM115 - closed below, with this
        self._left = MOST_UNPACKED_BYTES

    def read(self, size: int = -1) -> bytes:
        content = self._stream.read(size if size >= 0 else CHUNK_BYTES)
        self._left -= len(content)
        if self._left < 0:
            raise OSError(f"unpacks to more than {MOST_UNPACKED_BYTES:,} bytes")
        return content

    def close(self) -> None:
        self._stream.close()
        super().close()


def _read_members(path: Path, members: list[str]) -> list[tuple[str, bytes]]:
    found: dict[str, bytes] = {}
    try:
        # A pure stream (``r|``): no entry, a link least of all, can make it seek or read again.
        with _Unpacked(path) as unpacked, tarfile.open(fileobj=unpacked, mode="r|") as archive:
            for entry in archive:
                if entry.name in members:
                    _take(archive, entry, found, path)
            while unpacked.read(CHUNK_BYTES):  # to the end, where gzip checks what it unpacked
                pass
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise DataError(f"{path}: cannot be read as an archive ({error})") from error
    except (ValueError, RecursionError) as error:  # numbers and chains of headers made by hand
        raise DataError(f"{path}: cannot be read as an archive (malformed header)") from error
    missing = [member for member in members if member not in found]
    if missing:
        raise DataError(f"{path}: {missing[0]} is missing in the archive")
    return [(member, found[member]) for member in members]


def _take(
    archive: tarfile.TarFile, entry: tarfile.TarInfo, found: dict[str, bytes], path: Path
) -> None:
    """Put the bytes of a known member into ``found``; a link or a device is no such member."""
    if entry.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or entry.sparse:
        raise DataError(f"{path}: {entry.name} is not a plain file in the archive")
    if entry.name in found:
        raise DataError(f"{path}: {entry.name} is in the archive twice")
    stream = archive.extractfile(entry)
    content = stream.read(MOST_MEMBER_BYTES + 1) if stream else b""
    if len(content) > MOST_MEMBER_BYTES:
        raise DataError(f"{path}: {entry.name} has more than {MOST_MEMBER_BYTES:,} bytes")
    found[entry.name] = content
