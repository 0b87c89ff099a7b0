"""The files of SVHN: MATLAB's version 5, images in ``X`` [32, 32, 3, N], labels in ``y`` [N, 1].

Read by scipy, and only after the hash of the file was verified (``data/identity.py``). The sizes
and types of its arrays are checked before any of them is read.
"""

import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ttq_bench.errors import DataError

SIDE, CHANNELS = 32, 3
MOST_IMAGES = 100_000
DIGIT_ZERO = 10  # its label in the file


def read_digits_mat(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return images [N, 32, 32, 3] and labels [N], the digit 0 as 0."""
    import scipy.io  # 0.2 s, for this dataset alone
    from scipy.io.matlab import MatReadError

    try:
        _check(path, scipy.io.whosmat(path, appendmat=False))
        found = scipy.io.loadmat(path, appendmat=False, variable_names=("X", "y"))
        images, labels = np.asarray(found["X"]), np.asarray(found["y"])
    except (
        MatReadError, NotImplementedError, ValueError, TypeError, LookupError, OSError, zlib.error,
    ) as error:  # fmt: skip
        raise DataError(f"{path}: cannot be read as a MATLAB file ({error})") from error
    _check(path, [("X", images.shape, str(images.dtype)), ("y", labels.shape, str(labels.dtype))])
    labels = labels[:, 0].astype(np.int64)
    labels[labels == DIGIT_ZERO] = 0
    return np.ascontiguousarray(images.transpose(3, 0, 1, 2)), labels


def _check(path: Path, arrays: list[tuple[str, tuple[int, ...], str]]) -> None:
    """Raise ``DataError`` unless X and y are arrays of bytes of the published form."""
    shapes = {name: shape for name, shape, kind in arrays if kind == "uint8"}
    count = (*shapes.get("y", ()), 0)[0]
    if (
        shapes.get("X") != (SIDE, SIDE, CHANNELS, count)
        or shapes.get("y") != (count, 1)
        or not 0 < count <= MOST_IMAGES
    ):
        said = ", ".join(f"{name} {shape} of {kind}" for name, shape, kind in arrays) or "nothing"
        raise DataError(f"{path}: holds {said}; expected X (32, 32, 3, N) and y (N, 1) of uint8")
