"""What the first bytes of an encoded image tell: its format and its size, without decoding it."""

import struct

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
JPEG_SIGNATURE = b"\xff\xd8\xff"
# Frame headers of JPEG are C0 to CF, but for the tables C4 and CC and the reserved C8.
JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def read_header(content: bytes) -> tuple[str, int, int] | None:
    """Return ``png`` or ``jpeg`` with height and width in pixels; None for anything else."""
    try:
        if content.startswith(PNG_SIGNATURE):
            width, height = struct.unpack(">II", content[16:24])
            return "png", height, width
        if content.startswith(JPEG_SIGNATURE):
            return "jpeg", *_jpeg_size(content)
    except (struct.error, IndexError):
        pass  # ends before it tells
    return None


def _jpeg_size(content: bytes) -> tuple[int, int]:
    """Return height and width from the first frame header, passing over the segments before it."""
    place = 2
    while content[place + 1] not in JPEG_FRAMES:
        (length,) = struct.unpack(">H", content[place + 2 : place + 4])
        place += 2 + length
    height, width = struct.unpack(">HH", content[place + 5 : place + 9])
    return height, width
