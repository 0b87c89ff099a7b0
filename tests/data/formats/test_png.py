"""PNG images of every form, and broken in every way: right pixels, or a sentence."""

import random
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
import torch
from torchvision.io import ImageReadMode, decode_image

from tests.data import builders
from ttq_bench.data.decoding import decode_any_size, read_split
from ttq_bench.data.formats.png import ADAM7, SAMPLES, BrokenPngError, png_pixels
from ttq_bench.data.sources import find_source
from ttq_bench.errors import DataError

MODES = {1: ImageReadMode.GRAY, 3: ImageReadMode.RGB}
FORMS = [
    (colour, bits, interlaced)
    for colour, depths in {0: (1, 2, 4, 8), 2: (8,), 3: (1, 2, 4, 8), 4: (8,), 6: (8,)}.items()
    for bits in depths
    for interlaced in (0, 1)
]
TRANSPARENT = {0: b"\0\1", 2: b"\0\1\0\2\0\3", 3: b"\x10\x20"}


def joined(chunks):
    parts = [
        struct.pack(">I4s", len(body), kind) + body + zlib.crc32(kind + body).to_bytes(4)
        for kind, body in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def rows_of(colour, bits, interlaced, size):
    """Random rows with a random filter each."""
    drawn, rows = np.random.default_rng(0), b""
    for left, top, across, down in ADAM7 if interlaced else ((0, 0, 1, 1),):
        columns, count = -(-(size[1] - left) // across), -(-(size[0] - top) // down)
        for _ in range(count if columns > 0 else 0):
            pixels = drawn.integers(0, 256, -(-columns * SAMPLES[colour] * bits // 8), np.uint8)
            rows += bytes([drawn.integers(0, 5)]) + pixels.tobytes()
    return rows


def chunks_of(colour=2, bits=8, interlaced=0, *, size=(32, 32), more=(), packed=None):
    head = struct.pack(">IIBBBBB", size[1], size[0], bits, colour, 0, 0, interlaced)
    palette = np.random.default_rng(1).integers(0, 256, 3 << bits, np.uint8).tobytes()
    packed = zlib.compress(rows_of(colour, bits, interlaced, size)) if packed is None else packed
    return [
        (b"IHDR", head), *([(b"PLTE", palette)] if colour == 3 else []), *more,
        (b"IDAT", packed[:9]), (b"IDAT", packed[9:]), (b"IEND", b""),
    ]  # fmt: skip


def decoded(content, channels):
    buffer = torch.frombuffer(bytearray(content), dtype=torch.uint8)
    return decode_image(buffer, mode=MODES[channels]).permute(1, 2, 0).numpy()


@pytest.mark.filterwarnings("ignore:The image decoding:DeprecationWarning")
@pytest.mark.parametrize(("colour", "bits", "interlaced"), FORMS)
@pytest.mark.parametrize("size", [(31, 32), (1, 1), (5, 3)])
def test_pixels_equal_those_of_libpng_to_the_bit(colour, bits, interlaced, size):
    see_through = [(b"tRNS", TRANSPARENT[colour])] if colour in TRANSPARENT else []
    for more in ([], [(b"gAMA", struct.pack(">I", 30_000))], see_through):
        content = joined(chunks_of(colour, bits, interlaced, size=size, more=more))
        for channels in (1, 3) if colour in (0, 4) else (3,):
            assert np.array_equal(png_pixels(content, channels), decoded(content, channels))
            grey = decode_any_size(content, "x").permute(1, 2, 0).numpy()
            assert np.array_equal(grey, decoded(content, 3))


RAW = rows_of(2, 8, 0, (32, 32))
PACKED = zlib.compress(RAW)
BOMB = zlib.compress(bytes(1 << 26))
BROKEN = {
    "too few rows": chunks_of(packed=zlib.compress(RAW[: 97 * 20])),
    "a row cut short": chunks_of(packed=zlib.compress(RAW[:-10])),
    "a filter that is none": chunks_of(packed=zlib.compress(RAW[:970] + b"\x09" + RAW[971:])),
    "a wrong Adler sum": chunks_of(packed=PACKED[:-1] + bytes([PACKED[-1] ^ 1])),
    "no Adler sum": chunks_of(packed=PACKED[:-4]),
    "noise in its data": chunks_of(packed=PACKED[:200] + bytes(range(90)) + PACKED[290:]),
    "a bomb in its data": chunks_of(packed=zlib.compress(RAW + bytes(1 << 25))),
    "no data": chunks_of(packed=b""),
    "no last chunk": chunks_of()[:-1],
    "a palette that is missing": [part for part in chunks_of(3) if part[0] != b"PLTE"],
    "two headers": [chunks_of()[0], *chunks_of()],
    "a chunk that nobody knows": chunks_of(more=[(b"QQQQ", b"")]),
    "a colour type that is none": [
        (b"IHDR", struct.pack(">IIBBBBB", 32, 32, 8, 5, 0, 0, 0)), *chunks_of()[1:],
    ],
    "a text of 64 million bytes": chunks_of(more=[(b"zTXt", b"a\0\0" + BOMB)]),
    "a profile of 64 million bytes": chunks_of(
        more=[(b"iCCP", b"a\0\0" + BOMB)]
    ),
    "words of 64 million bytes": chunks_of(
        more=[(b"iTXt", b"a\0\1\0en\0b\0" + BOMB)]
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", sorted(BROKEN))
def test_a_broken_image_among_good_ones_is_named(tmp_path, how):
    for split in ("train", "test"):
        builders.write_class_folders(tmp_path / split, builders.random_images(2), [0, 1])
    (tmp_path / "train/3/a.png").write_bytes(joined(BROKEN[how]))
    with pytest.raises(DataError, match=r"train/3/a\.png cannot be decoded \([^\n]+\)$"):
        read_split(find_source("cifar10", tmp_path), "train")


@pytest.mark.parametrize("how", ["a bomb in its data", "a text of 64 million bytes"])
def test_what_unpacks_to_64_million_bytes_is_refused_in_little_memory(how):
    content = joined(BROKEN[how])
    tracemalloc.start()
    with pytest.raises(BrokenPngError, match=r"unpacks to more than|not whole"):
        png_pixels(content, 3)
    assert tracemalloc.get_traced_memory()[1] < 40 << 20
    tracemalloc.stop()


def test_texts_and_profiles_of_usual_size_are_passed_over():
    more = [(b"zTXt", b"a\0\0" + zlib.compress(b"b")), (b"iCCP", b"a\0\0no profile"),
            (b"iTXt", b"a\0\0\0\0\0plain")]  # fmt: skip
    plain = png_pixels(joined(chunks_of()), 3)
    assert np.array_equal(png_pixels(joined(chunks_of(more=more)), 3), plain)


def test_any_flipped_bit_gives_pixels_or_a_sentence():
    drawn = random.Random(0)
    contents = [joined(chunks_of(colour, 8, lace)) for colour in (0, 2, 3, 6) for lace in (0, 1)]
    refused = 0
    for _ in range(2_000):
        content = bytearray(drawn.choice(contents))
        for _ in range(drawn.choice([1, 1, 8])):
            content[drawn.randrange(29, len(content))] ^= 1 << drawn.randrange(8)
        try:
            png_pixels(bytes(content), 3)
        except BrokenPngError:
            refused += 1
    assert refused > 1_900  # the sums of chunks see it
