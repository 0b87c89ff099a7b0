"""Pixels of PNG images, read so that a broken file is an error and never the end of the process.

torchvision's decoder dies of SIGSEGV wherever libpng finds an error. So the chunks and their sums
are checked here, and Pillow undoes the filters of the rows: PNG loses nothing, so both give the
same pixels (tests/data/formats/test_png.py).
"""

import io
import struct
import zlib
from collections.abc import Iterator
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from PIL import PngImagePlugin

from ttq_bench.data.formats.image_kinds import PNG_GREYS, PNG_SIGNATURE

MODES = {1: "L", 3: "RGB"}
CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a pixel, by colour type
PALETTE = 3  # a colour type
PART_BYTES = 1 << 20
MOST_TEXT_BYTES = 8_000_000  # of one text or colour profile, unpacked: libpng's own limit
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
         (0, 1, 1, 2))  # fmt: skip


class BrokenPngError(Exception):
    """Why a file is no whole PNG image."""


def turns_grey(content: bytes, channels: int) -> bool:
    """Return whether colours become grey: libpng weighs them in its own way."""
    return channels == 1 and content[25] not in PNG_GREYS


def png_pixels(content: bytes, channels: int) -> NDArray[np.uint8]:
    """Return the pixels [H, W, C] of a PNG image of 1 or 3 ``channels``, without transparency.

    Its header must have been read, and say at most 8 bits. Raises ``BrokenPngError``: for wrong
    sums, missing rows, and texts or colour profiles that unpack to more than 8 million bytes.
    """
    chunks = list(_chunks(content))
    for kind, body in chunks:
        _check_text(kind, body)
    # Only what makes pixels is handed on: nothing else can be unpacked, or refused for its form.
    chunks = [chunk for chunk in chunks if chunk[0] in CRITICAL]
    _check_order([kind for kind, _ in chunks], has_palette=content[25] == PALETTE)
    _check_rows(chunks)
    kept = b"".join(_chunk(kind, body) for kind, body in chunks)
    try:
        image = PngImagePlugin.PngImageFile(io.BytesIO(PNG_SIGNATURE + kept))
        pixels = np.asarray(image.convert(MODES[channels]))
    except (OSError, SyntaxError, ValueError, IndexError, struct.error, zlib.error) as error:
        raise BrokenPngError(str(error).splitlines()[0]) from error
    return pixels.reshape(*pixels.shape[:2], channels)


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and body of each chunk up to the last one, their sums checked."""
    place, kind = len(PNG_SIGNATURE), b""
    while kind != b"IEND":
        length_and_kind = content[place : place + 8]
        if len(length_and_kind) < 8:  # noqa: PLR2004
            raise BrokenPngError("it ends before its last chunk")
        length, kind = struct.unpack(">I4s", length_and_kind)
        body = content[place + 8 : place + 8 + length]
        place += 12 + length
        name = kind.decode("ascii", "backslashreplace")
        if content[place - 4 : place] != zlib.crc32(kind + body).to_bytes(4):
            raise BrokenPngError(f"its chunk {name} is cut short, or its checksum is wrong")
        if kind not in CRITICAL and not kind[0] & 0x20:
            raise BrokenPngError(f"its chunk {name} is not known")
        yield kind, body


def _check_order(kinds: list[bytes], *, has_palette: bool) -> None:
    """Raise ``BrokenPngError`` for a chunk that is missing, or not where it has to be."""
    order = [kind for kind, _ in groupby(kinds)]
    palette = [b"PLTE"] if has_palette or b"PLTE" in kinds else []
    if order != [b"IHDR", *palette, b"IDAT", b"IEND"] or kinds.count(b"IHDR") != 1:
        raise BrokenPngError("its chunks are not those of an image, in their order")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body), kind) + body + zlib.crc32(kind + body).to_bytes(4)


def _check_rows(chunks: list[tuple[bytes, bytes]]) -> None:
    """Raise ``BrokenPngError`` unless the rows are all there, with their sum."""
    expected, there = _expected_bytes(chunks[0][1]), 0
    left = b"".join(body for kind, body in chunks if kind == b"IDAT")
    unpacking = zlib.decompressobj()
    try:
        while left and there <= expected and not unpacking.eof:
            there += len(unpacking.decompress(left, PART_BYTES))
            left = unpacking.unconsumed_tail
    except zlib.error as error:
        raise BrokenPngError(f"its rows cannot be unpacked ({error})") from error
    if there != expected or not unpacking.eof:
        raise BrokenPngError(f"its rows are not whole: {there:,} of {expected:,} bytes")


def _expected_bytes(header: bytes) -> int:
    """Return how many bytes the rows have: each one the number of its filter, then its pixels."""
    width, height, bits, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    if colour not in SAMPLES:
        raise BrokenPngError(f"its colour type {colour} is not known")
    expected = 0
    for left, top, across, down in ADAM7 if interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            expected += rows * (1 + -(-columns * SAMPLES[colour] * bits // 8))
    return expected


def _check_text(kind: bytes, body: bytes) -> None:
    """Raise ``BrokenPngError`` for a text or profile that unpacks to more than any image needs."""
    if kind not in (b"iCCP", b"zTXt", b"iTXt"):
        return
    _, _, rest = body.partition(b"\0")
    if kind == b"iTXt":
        if rest[:1] != b"\1":
            return  # not packed
        rest = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    else:
        rest = rest[1:]
    unpacking = zlib.decompressobj()
    try:
        unpacking.decompress(rest, MOST_TEXT_BYTES)
    except zlib.error:
        return  # damaged, and of no use for pixels
    if unpacking.unconsumed_tail:
        name = kind.decode()
        raise BrokenPngError(f"its chunk {name} unpacks to more than {MOST_TEXT_BYTES:,} bytes")
