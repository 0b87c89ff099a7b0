"""Pickles that attack whoever loads them, by name: each is made for a file it would create."""

import os
import pickle
import struct

from tests.data import builders

GOOD = builders.python2_batch(builders.planes(builders.random_images(2)), [1, 2])


class Calls:
    """What pickles as a call of ``function`` with ``arguments``."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def shell(marker):
    return Calls(os.system, f"touch {marker}")


def batch_of(content):
    """A batch whose labels are what the bytes of another pickle leave on the stack."""
    inner = content.removeprefix(pickle.PROTO + b"\x02").removesuffix(pickle.STOP)
    labels = pickle.SHORT_BINSTRING + b"\x06labels"
    return GOOD[:-2].rpartition(labels)[0] + labels + inner + pickle.SETITEMS + pickle.STOP


def python2(value):
    return batch_of(pickle.dumps(value, 2))


def hex_of_hex(marker):
    """Doubles its text 40 times with a codec: no function that harms by itself."""
    call = pickle.GLOBAL + b"_codecs\nencode\n"
    text = call * 40 + pickle.SHORT_BINSTRING + b"\x01a"
    return batch_of(text + (pickle.SHORT_BINSTRING + b"\x03hex" + b"\x86R") * 40)


def array_of_any_size(marker):
    big = pickle.BININT + struct.pack("<i", 2**31 - 1)
    name = pickle.GLOBAL + b"numpy.core.multiarray\n_reconstruct\n"
    kind = pickle.GLOBAL + b"numpy\nndarray\n"
    return batch_of(name + kind + big * 2 + b"\x86" + pickle.SHORT_BINSTRING + b"\x01b\x87R")


def lists_of_lists(marker):
    """30 lists of 10 times the one before."""
    content = b"]"
    for number in range(30):
        put, get = pickle.BINPUT + bytes([number]), pickle.BINGET + bytes([number])
        content += put + b"0](" + get * 10 + b"e"
    return batch_of(content)


def objects_from_bytes(marker):
    """The numbers of the array are said to be pointers to objects."""
    return GOOD.replace(b"u1", b"O8", 1)


# That no other function can be named either: ``tests/data/formats/test_pickled_batches.py``.
PICKLES = {
    "os.system": lambda marker: python2(shell(marker)),
    "os.system by protocol 4": lambda marker: pickle.dumps({b"data": shell(marker)}, 4),
    "os.system by protocol 0": lambda marker: pickle.dumps({"data": shell(marker)}, 0),
    "a call in a call": lambda marker: python2([{"a": Calls(list, [shell(marker)])}]),
    "a codec of a codec": hex_of_hex,
    "an array of any size": array_of_any_size,
    "lists of lists": lists_of_lists,
    "objects from bytes": objects_from_bytes,
    "an object by INST": lambda marker: b"(S'touch x'\nios\nsystem\n.",
    "a place in memory 2 billion": lambda marker: b"\x80\x02Nr" + struct.pack("<I", 2**31) + b".",
    "a length of 2 to the 60": lambda marker: b"\x80\x05\x96" + struct.pack("<Q", 2**60) + b".",
    "its own list": lambda marker: batch_of(b"]q\x00(h\x00e"),
    "a changed class": lambda marker: batch_of(pickle.GLOBAL + b"numpy\nndarray\n}(U\x01a]ub"),
}
