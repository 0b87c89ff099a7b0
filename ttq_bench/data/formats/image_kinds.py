"""The kinds of encoded images that are read, and what their first bytes say without decoding.

A header counts only where every decoder reads the same size from it, so that a size that is
checked here is the size that is decoded.
"""

import struct
from dataclasses import dataclass

from ttq_bench.errors import DataError

IMAGE_ENDINGS = (".png", ".jpg", ".jpeg")
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_HEADER = b"\0\0\0\x0dIHDR"  # must be the first chunk, of 13 bytes
MOST_BITS = 8
PNG_GREYS = (0, 4)  # its colour types without colours: grey, and grey with transparency
JPEG_SIGNATURE = b"\xff\xd8\xff"
# Frame headers of JPEG are C0 to CF, but for the tables C4 and CC and the reserved C8.
JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Markers without a segment, and fill bytes: decoders pass over these each in its own way.
JPEG_ALONE = frozenset(range(0xD0, 0xDA)) | {0x00, 0x01, 0xFF}


@dataclass(frozen=True, slots=True)
class Header:
    """``encoding`` is png or jpeg, ``size`` height and width in pixels, ``bits`` of a channel."""

    encoding: str
    size: tuple[int, int]
    bits: int
    has_colours: bool


def read_header(content: bytes) -> Header | None:
    """Return what an encoded image says of itself; None for anything but PNG and JPEG."""
    try:
        if content.startswith(PNG_SIGNATURE + PNG_HEADER):
            width, height, bits, colours = struct.unpack(">IIBB", content[16:26])
            return Header("png", (height, width), bits, colours not in PNG_GREYS)
        if content.startswith(JPEG_SIGNATURE):
            return _jpeg_header(content)
    except (struct.error, IndexError):
        pass  # ends before it tells
    return None


def checked_header(content: bytes, where: str) -> Header:
    """Return the header of an image that can be decoded; ``DataError`` names ``where`` if not.

    That is anything but JPEG and PNG, and more than 8 bits a channel.
    """
    header = read_header(content)
    if header is None:
        raise DataError(f"{where} cannot be decoded (neither JPEG nor PNG)")
    if header.bits > MOST_BITS:
        raise DataError(f"{where} has more than {MOST_BITS} bits a pixel; convert it to 8 bits")
    return header


def check_size(content: bytes, where: str, size: tuple[int, int]) -> None:
    """Raise ``DataError`` for an image that is not ``size`` by its header, or cannot be decoded."""
    if (own_size := checked_header(content, where).size) != size:
        raise DataError(f"{where} has {by(own_size)} pixels, expected {by(size)}")


def by(size: tuple[int, int]) -> str:
    """Return a size in pixels in words: ``32x32``."""
    return f"{size[0]}x{size[1]}"


def _jpeg_header(content: bytes) -> Header | None:
    """Return what the first frame header says, behind other segments."""
    place = 2
    while content[place + 1] not in JPEG_FRAMES:
        (length,) = struct.unpack(">H", content[place + 2 : place + 4])
        if content[place] != 0xFF or content[place + 1] in JPEG_ALONE or length < 2:  # noqa: PLR2004
            return None
        place += 2 + length
    if content[place] != 0xFF:  # noqa: PLR2004
        return None
    bits, height, width, channels = struct.unpack(">BHHB", content[place + 4 : place + 10])
    return Header("jpeg", (height, width), bits, channels > 1)
