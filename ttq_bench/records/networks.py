"""Published networks: ``networks/ID.safetensors``, one file a finished trial, without torch.

A quantized network is kept as two-bit codes and two scales a layer (about 100 kB for a ResNet-20),
a full-precision one in single precision (1.1 MB). So probes, exports and further arms need no
retraining on any machine. The file carries a digest of everything else in it: a flipped bit inside
a tensor would load silently otherwise. Its content is made and read back as a network by
``export/packed_file.py``.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydantic
from numpy.typing import NDArray

from ttq_bench.errors import ResultsError
from ttq_bench.files import unreadable

# ImageNet's networks are larger and stay in ``work/`` where they were trained.
LARGEST_BYTES = 16 << 20
LARGEST_HEADER_BYTES = 1 << 20
LENGTH_BYTES = 8  # of the header, little-endian, as safetensors has it
REMEDY = "restore it from where it came from, or delete it"
# Types of safetensors: as torch prints them, which the digest holds, and as numpy reads them.
TYPES = {
    "F32": ("torch.float32", "<f4"),
    "F64": ("torch.float64", "<f8"),
    "I64": ("torch.int64", "<i8"),
    "I8": ("torch.int8", "i1"),
    "U8": ("torch.uint8", "u1"),
}
DAMAGED = (AttributeError, KeyError, TypeError, ValueError)
_HEADER = pydantic.TypeAdapter(dict[str, Any])


@dataclass(frozen=True, slots=True)
class StoredNetwork:
    """The tensors of a network by name, and what is said about them."""

    metadata: Mapping[str, str]
    tensors: Mapping[str, NDArray[Any]]

    @property
    def weights_sha256(self) -> str:
        """The digest that trials fine-tuned from these weights keep of their start."""
        return self.metadata["weights_sha256"]


def is_whole(path: Path) -> bool:
    """Return whether ``path`` is a published network with the content that was written.

    Raises ``ResultsError`` for a file that is there and cannot be read: it may be good.
    """
    try:
        parsed(_content(path))
    except (FileNotFoundError, *DAMAGED):
        return False
    return True


def read_network(path: Path) -> StoredNetwork:
    """Return a published network; ``ResultsError`` for a damaged file, ``FileNotFoundError``."""
    try:
        return parsed(_content(path))
    except DAMAGED as error:
        reason = str(error).splitlines()[0]
        raise ResultsError(f"{path}: not a published network ({reason}); {REMEDY}") from error


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
    """Return the network in the bytes of a file; ``ValueError`` or ``KeyError`` if it is none."""
    length = int.from_bytes(content[:LENGTH_BYTES], "little")
    if length > min(len(content) - LENGTH_BYTES, LARGEST_HEADER_BYTES):
        raise ValueError("it is cut short, or its header is too long")
    start = LENGTH_BYTES + length
    header = _HEADER.validate_json(content[LENGTH_BYTES:start])
    metadata = dict(header.pop("__metadata__"))
    digest = metadata.pop("sha256", None)
    described = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    tensors = {}
    for name in sorted(header):
        entry = header[name]
        torch_type, numpy_type = TYPES[entry["dtype"]]
        begin, end = (start + offset for offset in entry["data_offsets"])
        shape = tuple(entry["shape"])
        part = content[begin:end]
        described.update(f"{name} {torch_type} {shape};".encode() + part)
        tensors[name] = np.frombuffer(part, numpy_type).reshape(shape)
    if digest != described.hexdigest():
        raise ValueError("its content is not what was written")
    return StoredNetwork(metadata, tensors)


def code_shares(codes: NDArray[Any], count: int) -> tuple[float, float, float]:
    """Return the shares of positive, zero and negative among ``count`` packed codes (uint8)."""
    digits = (codes[:, None] >> np.arange(0, 8, 2, dtype=np.uint8) & 3).reshape(-1)[:count]
    negative, zero, positive = np.bincount(digits, minlength=4)[:3] / count
    return float(positive), float(zero), float(negative)
