"""Network files, read without torch; a finished trial publishes ``networks/ID.safetensors``.

A quantized network is kept as two-bit codes and two scales a layer (about 100 kB for a ResNet-20),
a full-precision one in single precision (1.1 MB). With these files, probes, exports and further
arms need no new training on any machine. The metadata hold a digest of everything else in the file,
because safetensors does not notice a flipped bit inside a tensor. ``export/packed_file.py`` writes
the files and makes networks of them.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from ttq_bench.errors import ResultsError
from ttq_bench.files import unreadable

# Of published files. ImageNet's networks are larger and stay in ``work/`` where they were trained.
LARGEST_BYTES = 16 << 20
# Of the list of tensors; ResNet-110 has 0.08 million. A list of a million tensors would take a
# minute and a gigabyte before it is refused.
LARGEST_HEADER_BYTES = 1 << 20
LENGTH_BYTES = 8  # of the header, little-endian, as safetensors has it
TYPES = frozenset({"float32", "float64", "int64", "int8", "uint8"})
DIGEST = "weights_sha256"  # what a published network has and an exported one lacks
REMEDY = "restore it from where it came from, or delete it"


@dataclass(frozen=True, slots=True)
class StoredNetwork:
    """The tensors of a network by name, and the metadata of the file, without their digest."""

    metadata: Mapping[str, str]
    tensors: Mapping[str, NDArray[Any]]

    @property
    def weights_sha256(self) -> str:
        """The digest that trials fine-tuned from these weights keep of their start.

        An exported network has none (``KeyError``); ``read_network`` refuses it.
        """
        return self.metadata[DIGEST]


def is_whole(path: Path) -> bool:
    """Return whether ``path`` is a published network with the content that was written.

    Raises ``ResultsError`` for a file that is there and cannot be read: it may be good.
    """
    try:
        _published(_content(path))
    except (FileNotFoundError, ValueError):
        return False
    return True


def read_network(path: Path) -> StoredNetwork:
    """Return a published network; ``ResultsError`` for a damaged file, ``FileNotFoundError``."""
    try:
        return _published(_content(path))
    except ValueError as error:
        raise ResultsError(f"{path}: not a published network ({error}); {REMEDY}") from error


def _published(content: bytes) -> StoredNetwork:
    network = parsed(content)
    if DIGEST not in network.metadata:
        raise ValueError("it is an export: it has no digest of the full weights")
    return network


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise ValueError(f"has more than {LARGEST_BYTES >> 20} MiB")
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(error.errno, error.strerror, str(path)) from error
    except OSError as error:
        raise unreadable(path, error) from error


def parsed(content: bytes) -> StoredNetwork:
    """Return the network in the bytes of a file; ``ValueError`` says in a line why it is none."""
    length = int.from_bytes(content[:LENGTH_BYTES], "little")
    if length > LARGEST_HEADER_BYTES:
        raise ValueError(
            f"it is no safetensors file, or says that its list of tensors has {length:,} bytes,"
            " more than any network's"
        )
    try:
        tensors: dict[str, NDArray[Any]] = safetensors.numpy.load(content)
    except (safetensors.SafetensorError, KeyError) as error:  # the latter: a type without numpy's
        reason = str(error).splitlines()[0]
        raise ValueError(f"it is no safetensors file, or cut short: {reason}") from error
    if strange := {value.dtype.name for value in tensors.values()} - TYPES:
        raise ValueError(f"it has numbers of a type that no network here has: {min(strange)}")
    header = json.loads(content[LENGTH_BYTES : LENGTH_BYTES + length])
    metadata = header.get("__metadata__") or {}
    digest = metadata.pop("sha256", None)
    if digest is None:
        raise ValueError("it has no digest of its content, so another program wrote it")
    if digest != content_digest(metadata, tensors):
        raise ValueError("its content is not what was written")
    return StoredNetwork(metadata, tensors)


def content_digest(metadata: Mapping[str, str], tensors: Mapping[str, NDArray[Any]]) -> str:
    """Return the sha256 of metadata and tensors; types are named as torch prints them."""
    digest = hashlib.sha256(json.dumps(dict(metadata), sort_keys=True).encode())
    for name, value in sorted(tensors.items()):
        described = f"{name} torch.{value.dtype.name} {value.shape};"
        digest.update(described.encode() + value.tobytes())
    return digest.hexdigest()


def code_shares(codes: NDArray[Any], count: int) -> tuple[float, float, float]:
    """Return the shares of positive, zero and negative among ``count`` packed codes (uint8)."""
    digits = (codes[:, None] >> np.arange(0, 8, 2, dtype=np.uint8) & 3).reshape(-1)[:count]
    negative, zero, positive = np.bincount(digits, minlength=4)[:3] / count
    return float(positive), float(zero), float(negative)
