"""The batches of the CIFAR archives for Python programs: pickles, read without running any of them.

A pickle is a program. The published ones need a few instructions and three names of numpy: only
these are known here, and the names stand for two classes of this file that hold values alone.
No function of numpy is called with what a pickle says, and no instruction can ask for memory that
the file does not fill (the C unpickler allocates whatever a length or an index says).
"""

import io
import pickle
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ttq_bench.errors import DataError

Batch = tuple[NDArray[np.uint8], NDArray[np.int64]]
INSTRUCTIONS = (
    pickle.PROTO, pickle.STOP, pickle.MARK, pickle.GLOBAL, pickle.REDUCE, pickle.BUILD,
    pickle.BINPUT, pickle.LONG_BINPUT, pickle.BINGET, pickle.LONG_BINGET,
    pickle.EMPTY_DICT, pickle.SETITEM, pickle.SETITEMS,
    pickle.EMPTY_LIST, pickle.APPEND, pickle.APPENDS,
    pickle.EMPTY_TUPLE, pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3,
    pickle.SHORT_BINSTRING, pickle.BINSTRING,
    pickle.BININT, pickle.BININT1, pickle.BININT2, pickle.LONG1,
    pickle.NONE, pickle.NEWFALSE, pickle.NEWTRUE,
)  # fmt: skip
INSTRUCTION_NAMES = {
    getattr(pickle, name)[0]: name
    for name in pickle.__all__
    if name.isupper() and isinstance(getattr(pickle, name), bytes)
}


class PickledDtype:
    """Takes the place of numpy's ``dtype`` in the pickle; holds its code alone."""

    __slots__ = ("code",)

    def __init__(self, code: bytes, _align: int, _copy: int) -> None:
        self.code = code

    def __setstate__(self, state: object) -> None:
        """Take the byte order and the flags, which one byte has no use for."""


class PickledArray:
    """Takes the place of numpy's ``ndarray`` in the pickle; holds the pixels once they are read."""

    __slots__ = ("pixels",)

    def __init__(self, _kind: object, _shape: object, _code: object) -> None:
        self.pixels = np.empty(0, dtype=np.uint8)

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, by_columns, content = state
        if not isinstance(dtype, PickledDtype) or dtype.code != b"u1":
            raise ValueError("its numbers are not bytes")
        flat = np.frombuffer(content, dtype=np.uint8)
        self.pixels = flat.reshape(shape, order="F" if by_columns else "C")


NAMES: dict[tuple[str, str], type] = {
    ("numpy.core.multiarray", "_reconstruct"): PickledArray,
    ("numpy", "ndarray"): PickledArray,
    ("numpy", "dtype"): PickledDtype,
}


class _Refusals(dict[int, Any]):
    """The table of instructions; one that is not in it has no place in an image file."""

    def __missing__(self, code: int) -> Any:
        name = INSTRUCTION_NAMES.get(code, f"{code:#04x}")
        raise pickle.UnpicklingError(f"instruction {name} has no place in an image file")


class _RestrictedUnpickler(pickle._Unpickler):
    """The unpickler written in Python, with ``INSTRUCTIONS`` and ``NAMES`` alone."""

    dispatch = _Refusals({code[0]: pickle._Unpickler.dispatch[code[0]] for code in INSTRUCTIONS})

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in NAMES:
            raise pickle.UnpicklingError(f"{module}.{name} has no place in an image file")
        return NAMES[module, name]


def read_batch(content: bytes, row_bytes: int, where: str, labels: bytes = b"labels") -> Batch:
    """Return rows of pixels [N, ``row_bytes``] and labels [N]; ``DataError`` begins with where.

    ``labels`` is the name of their list: the batches of CIFAR-100 have two.
    """
    batch = restricted_load(content, where)
    try:
        rows = batch[b"data"].pixels.reshape(-1, row_bytes)
        given = batch[labels]
        if not isinstance(given, list) or not all(type(label) is int for label in given):
            raise ValueError("labels are not a list of whole numbers")
        numbers = np.asarray(given, dtype=np.int64)
        if len(numbers) != len(rows):
            raise ValueError(f"{len(rows)} images and {len(numbers)} labels")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{where} is not a CIFAR batch ({error})") from error
    return rows, numbers


def restricted_load(content: bytes, where: str) -> Any:
    """Return what a pickle of ``INSTRUCTIONS`` and ``NAMES`` holds; ``DataError`` for any other."""
    try:
        return _RestrictedUnpickler(io.BytesIO(content), encoding="bytes").load()
    except Exception as error:  # a damaged pickle raises nearly anything
        raise DataError(f"{where} cannot be read ({error})") from error
