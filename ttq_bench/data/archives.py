"""Readers of the published archives: known members only, and no code from a pickle.

The hash is verified before (``identity.py``); the checks here name a damaged file clearly.
"""

import io
import pickle
import tarfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ttq_bench.errors import DataError

Arrays = tuple[NDArray[np.uint8], NDArray[np.int64]]
TRAIN_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
ROW_BYTES = 3 * 32 * 32
# All that the published pickles name: a numpy array of bytes inside a dictionary.
ALLOWED_GLOBALS = {
    ("numpy.core.multiarray", "_reconstruct"): ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"): ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"): ("numpy", "ndarray"),
    ("numpy", "dtype"): ("numpy", "dtype"),
    ("_codecs", "encode"): ("_codecs", "encode"),
}


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
        batch = _restricted_load(content, f"{path}: {member}")
        try:
            images.append(np.asarray(batch[b"data"], dtype=np.uint8).reshape(-1, ROW_BYTES))
            labels.append(np.asarray(batch[b"labels"], dtype=np.int64))
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{path}: {member} is not a CIFAR batch ({error})") from error
    return _as_images(np.concatenate(images)), np.concatenate(labels)


READERS: Mapping[str, Callable[[Path, str], Arrays]] = {
    "cifar-binary": read_cifar_binary,
    "cifar-pickles": read_cifar_pickles,
}


def _as_images(rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))


def _read_members(path: Path, members: list[str]) -> list[tuple[str, bytes]]:
    found = {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for entry in archive:  # one pass: a gzip stream cannot seek back cheaply
                if entry.name in members and (stream := archive.extractfile(entry)):
                    found[entry.name] = stream.read()
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise DataError(f"{path}: cannot be read as an archive ({error})") from error
    missing = [member for member in members if member not in found]
    if missing:
        raise DataError(f"{path}: {missing[0]} is missing in the archive")
    return [(member, found[member]) for member in members]


class _RestrictedUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED_GLOBALS:
            raise pickle.UnpicklingError(f"{module}.{name} has no place in an image file")
        return super().find_class(*ALLOWED_GLOBALS[module, name])


def _restricted_load(content: bytes, where: str) -> Any:
    try:
        return _RestrictedUnpickler(io.BytesIO(content), encoding="bytes").load()
    except Exception as error:  # a damaged pickle raises nearly anything
        raise DataError(f"{where} cannot be read ({error})") from error
