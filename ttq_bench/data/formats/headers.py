"""What the first bytes of an encoded image tell: its format and its size, without decoding it.

Only what every decoder reads the same way counts as told: a header that could be taken for another
size than the decoder takes it for is no header, so a size that is checked here is the one decoded.
"""

import struct

from ttq_bench.errors import DataError

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_HEADER = b"\0\0\0\x0dIHDR"  # must be the first chunk, of 13 bytes
PNG_BITS = 24  # the place of the byte that tells how many bits a channel has
MOST_BITS = 8
PNG_GREYS = (0, 4)  # its colour types without colours: grey, and grey with transparency
JPEG_SIGNATURE = b"\xff\xd8\xff"
# Frame headers of JPEG are C0 to CF, but for the tables C4 and CC and the reserved C8.
JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Markers without a segment, and fill bytes: decoders pass over these each in its own way.
JPEG_ALONE = frozenset(range(0xD0, 0xDA)) | {0x00, 0x01, 0xFF}


def read_header(content: bytes) -> tuple[str, int, int] | None:
    """Return ``png`` or ``jpeg`` with height and width in pixels; None for anything else."""
    try:
        if content.startswith(PNG_SIGNATURE + PNG_HEADER):
            width, height, _bits_a_channel = struct.unpack(">IIB", content[16 : PNG_BITS + 1])
            return "png", height, width
        if content.startswith(JPEG_SIGNATURE):
            frame = _jpeg_frame(content)
            return ("jpeg", *frame[:2]) if frame else None
    except (struct.error, IndexError):
        pass  # ends before it tells
    return None


def size_told(content: bytes, where: str) -> tuple[int, int]:
    """Return height and width in pixels; ``DataError`` that names ``where`` for what is not read.

    That is anything but JPEG and PNG, and more than 8 bits a channel.
    """
    header = read_header(content)
    if header is None:
        raise DataError(f"{where} cannot be decoded (neither JPEG nor PNG)")
    if _bits(content) > MOST_BITS:
        raise DataError(f"{where} has more than {MOST_BITS} bits a pixel; convert it to 8 bits")
    return header[1:]


def _bits(content: bytes) -> int:
    """Return how many bits each channel of a pixel has, by a header that can be read."""
    if content.startswith(PNG_SIGNATURE):
        return content[PNG_BITS]
    frame = _jpeg_frame(content)
    return frame[3] if frame else 0


def has_colours(content: bytes) -> bool:
    """Return whether an image whose header can be read has more than shades of grey."""
    if content.startswith(PNG_SIGNATURE):
        return content[25] not in PNG_GREYS
    frame = _jpeg_frame(content)
    return frame is None or frame[2] > 1


def _jpeg_frame(content: bytes) -> tuple[int, int, int, int] | None:
    """Return height, width, channels and bits of the first frame header, behind other segments."""
    place = 2
    while content[place + 1] not in JPEG_FRAMES:
        (length,) = struct.unpack(">H", content[place + 2 : place + 4])
        if content[place] != 0xFF or content[place + 1] in JPEG_ALONE or length < 2:  # noqa: PLR2004
            return None
        place += 2 + length
    if content[place] != 0xFF:  # noqa: PLR2004
        return None
    bits, height, width, channels = struct.unpack(">BHHB", content[place + 4 : place + 10])
    return height, width, channels, bits
