"""Readers of the published files: known members only, of at most their size, never extracted.

The hash is verified before (``data/identity.py``). The bounds and checks here hold for any bytes
all the same: nothing that an archive says may cost more memory than the published one, or leave it.
"""

import gzip
import io
import tarfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ttq_bench.data.formats.idx_files import read_idx
from ttq_bench.data.formats.mat_files import read_digits_mat
from ttq_bench.data.formats.pickled_batches import read_batch
from ttq_bench.errors import DataError

Arrays = tuple[NDArray[np.uint8], NDArray[np.int64]]
Named = tuple[str, bytes]  # the name of a member in errors, and its bytes
ROW_BYTES = 3 * 32 * 32
# The largest published member has 31,035,999 bytes, of CIFAR-100 155 million; the archives unpack
# to 186 million.
MOST_MEMBER_BYTES, MOST_MEMBER_BYTES_100 = 32 << 20, 160 << 20
MOST_UNPACKED_BYTES = 256 << 20
CHUNK_BYTES = 1 << 20


def read_cifar_binary(paths: Sequence[Path], split: str) -> Arrays:
    """Return images [N, 32, 32, 3] and labels [N] of the archive for C programs."""
    rows = []
    for where, content in _read_members(
        paths, _batch_names("cifar-10-batches-bin/", split, ".bin")
    ):
        if len(content) % (1 + ROW_BYTES):
            raise DataError(f"{where} has {len(content):,} bytes, not whole images")
        rows.append(np.frombuffer(content, dtype=np.uint8).reshape(-1, 1 + ROW_BYTES))
    table = np.concatenate(rows)
    return _as_images(table[:, 1:]), table[:, 0].astype(np.int64)


def read_cifar_pickles(paths: Sequence[Path], split: str) -> Arrays:
    """Return images [N, 32, 32, 3] and labels [N] of the archive for Python programs."""
    return _read_batches(_read_members(paths, _batch_names("cifar-10-batches-py/", split)))


def read_cifar100_pickles(paths: Sequence[Path], split: str) -> Arrays:
    """Return images [N, 32, 32, 3] and the labels [N] of all hundred classes."""
    members = _read_members(paths, [f"cifar-100-python/{split}"], MOST_MEMBER_BYTES_100)
    return _read_batches(members, b"fine_labels")


def read_cifar_files(paths: Sequence[Path], split: str) -> Arrays:
    """Return images [N, 32, 32, 3] and labels [N] of the unpacked archive for Python programs."""
    chosen = paths[:-1] if split == "train" else paths[-1:]
    return _read_batches([_whole_file(path, MOST_MEMBER_BYTES) for path in chosen])


def read_cifar100_files(paths: Sequence[Path], split: str) -> Arrays:
    """Return images [N, 32, 32, 3] and labels [N] of the unpacked archive of CIFAR-100."""
    path = paths[0 if split == "train" else 1]
    return _read_batches([_whole_file(path, MOST_MEMBER_BYTES_100)], b"fine_labels")


def _batch_names(folder: str, split: str, ending: str = "") -> list[str]:
    names = (
        [f"data_batch_{number}" for number in range(1, 6)] if split == "train" else ["test_batch"]
    )
    return [f"{folder}{name}{ending}" for name in names]


def _read_batches(contents: Sequence[Named], labels: bytes = b"labels") -> Arrays:
    batches = [read_batch(content, ROW_BYTES, where, labels) for where, content in contents]
    images, numbers = zip(*batches, strict=True)
    return _as_images(np.concatenate(images)), np.concatenate(numbers)


def _whole_file(path: Path, most_bytes: int) -> Named:
    with path.open("rb") as stream:
        content = stream.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise DataError(f"{path}: has more than {most_bytes:,} bytes")
    return str(path), content


def read_svhn(paths: Sequence[Path], split: str) -> Arrays:
    """Return images [N, 32, 32, 3] and labels [N] of the file of a split."""
    train, test = paths
    return read_digits_mat(train if split == "train" else test)


def read_idx_pair(paths: Sequence[Path], split: str) -> Arrays:
    """Return images [N, H, W, 1] and labels [N] of the two files of a split."""
    images_path, labels_path = paths[:2] if split == "train" else paths[2:]
    images, labels = read_idx(images_path, 3), read_idx(labels_path, 1)
    if len(images) != len(labels):
        raise DataError(f"{images_path}: {len(images):,} images and {len(labels):,} labels")
    return images[..., None], labels.astype(np.int64)


READERS: Mapping[str, Callable[[Sequence[Path], str], Arrays]] = {
    "cifar-binary": read_cifar_binary,
    "cifar-pickles": read_cifar_pickles,
    "cifar-files": read_cifar_files,
    "cifar100-files": read_cifar100_files,
    "cifar100-pickles": read_cifar100_pickles,
    "svhn-mat": read_svhn,
    "idx": read_idx_pair,
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


def _read_members(
    paths: Sequence[Path], members: list[str], most_bytes: int = MOST_MEMBER_BYTES
) -> list[Named]:
    (path,) = paths
    contents: dict[str, bytes] = {}
    try:
        # A pure stream (``r|``): no entry, a link least of all, can make it seek or read again.
        with _Unpacked(path) as unpacked, tarfile.open(fileobj=unpacked, mode="r|") as archive:
            for entry in archive:
                if entry.name in contents:
                    raise DataError(f"{path}: {entry.name} is in the archive twice")
                if entry.name in members:
                    contents[entry.name] = _content(archive, entry, path, most_bytes)
            while unpacked.read(CHUNK_BYTES):  # to the end, where gzip checks what it unpacked
                pass
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise DataError(f"{path}: cannot be read as an archive ({error})") from error
    except (ValueError, RecursionError) as error:  # numbers and chains of headers made by hand
        raise DataError(f"{path}: cannot be read as an archive (malformed header)") from error
    missing = [member for member in members if member not in contents]
    if missing:
        raise DataError(f"{path}: {missing[0]} is missing in the archive")
    return [(f"{path}: {member}", contents[member]) for member in members]


def _content(
    archive: tarfile.TarFile, entry: tarfile.TarInfo, path: Path, most_bytes: int
) -> bytes:
    """Return the bytes of a member; ``DataError`` for a link, a device, or too many bytes."""
    if entry.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or entry.sparse:
        raise DataError(f"{path}: {entry.name} is not a plain file in the archive")
    stream = archive.extractfile(entry)
    content = stream.read(most_bytes + 1) if stream else b""
    if len(content) > most_bytes:
        raise DataError(f"{path}: {entry.name} has more than {most_bytes:,} bytes")
    return content
