import numpy as np
import pytest

from tests.data.builders import png, random_images
from ttq_bench.data.formats.image_kinds import Header, checked_header, read_header
from ttq_bench.errors import DataError

PNG = png(random_images(1, (20, 33, 3))[0])
# Start of image, a comment that looks like a frame header inside, a quantization table's segment,
# then a progressive frame (C2): 8 bits, height 20, width 33, 1 component.
COMMENT = b"\xff\xfe\x00\x08\xff\xc0\x00\x11ab"
TABLE = b"\xff\xdb\x00\x04\x00\x01"
FRAME = b"\xff\xc2\x00\x0b\x08\x00\x14\x00\x21\x01\x01\x11\x00"
JPEG = b"\xff\xd8" + COMMENT + TABLE + FRAME


def test_the_size_of_a_png_is_read():
    assert read_header(PNG) == Header("png", (20, 33), 8, has_colours=True)


def test_the_size_of_a_jpeg_is_read_behind_the_segments_before_its_frame():
    assert read_header(JPEG) == Header("jpeg", (20, 33), 8, has_colours=False)


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\xff\xd8\xff", PNG[:20], JPEG[:-8]])
def test_what_does_not_tell_its_size_is_nothing(content):
    assert read_header(content) is None


@pytest.mark.parametrize(
    "content",
    [
        png(np.zeros((20, 33, 3), dtype=np.uint16)),
        JPEG.replace(b"\xff\xc2\x00\x0b\x08", b"\xff\xc1\x00\x0b\x0c"),
    ],
)
def test_more_than_8_bits_are_refused_by_the_header(content):
    assert checked_header(PNG, "here").size == checked_header(JPEG, "here").size == (20, 33)
    with pytest.raises(DataError, match="here has more than 8 bits a pixel"):
        checked_header(content, "here")
