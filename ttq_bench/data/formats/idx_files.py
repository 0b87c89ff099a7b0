"""The files of MNIST and of sets that follow it: a header of big-endian numbers, then bytes.

Header: two zero bytes, 8 for unsigned bytes, the number of dimensions, then each dimension's size.
"""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ttq_bench.errors import DataError

UNSIGNED_BYTES = 8
MOST_BYTES = 64 << 20  # unpacked; 60,000 images of 28x28 have 47 million


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """Return the array of a gzipped file; ``DataError`` for other dimensions or sizes."""
    try:
        with gzip.open(path) as stream:
            content = stream.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read as a gzip file ({error})") from error
    if len(content) > MOST_BYTES:
        raise DataError(f"{path}: unpacks to more than {MOST_BYTES:,} bytes")
    start = 4 + 4 * dimensions
    if len(content) < start or content[:4] != bytes((0, 0, UNSIGNED_BYTES, dimensions)):
        raise DataError(f"{path}: is not an idx file of bytes in {dimensions} dimensions")
    sizes = struct.unpack(f">{dimensions}I", content[4:start])
    if len(content) - start != math.prod(sizes):
        raise DataError(
            f"{path}: has {len(content) - start:,} bytes behind a header that says"
            f" {' x '.join(map(str, sizes))}"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(sizes)
