"""Images and Parquet files that attack their decoder, by name."""

import os
import struct
import zlib

import numpy as np
import pyarrow
from pyarrow import parquet

from tests.data import builders

ROWS = 5_001  # one more than are held out: fewer are refused before anything is decoded
GOOD = builders.png(builders.random_images(1)[0])


def png_of(width, height, *, first=b"IHDR"):
    def chunk(kind, content):
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = (
        chunk(first, header) + chunk(b"IDAT", zlib.compress(bytes(1 << 20))) + chunk(b"IEND", b"")
    )
    return b"\x89PNG\r\n\x1a\n" + body


def jpeg_of(width, height, before=b""):
    frame = b"\xff\xc0\x00\x11\x08" + struct.pack(">HH", height, width)
    return b"\xff\xd8" + before + frame + b"\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01" + bytes(99)


def segment(marker, content):
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2) + content


SMALL_FRAME = b"\xff\xc0\x00\x11\x08\x00\x20\x00\x20\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01"
NO_IMAGE = "cannot be decoded"
# An image, with a part of the sentence that refuses it.
CONTENTS = {
    "a PNG of 3.6 billion pixels": (png_of(60_000, 60_000), "has 60000x60000 pixels"),
    "a PNG of another shape": (png_of(32, 33), "has 33x32 pixels"),
    "a PNG whose header comes later": (png_of(60_000, 60_000, first=b"tEXt"), NO_IMAGE),
    "a PNG that ends in its header": (GOOD[:20], NO_IMAGE),
    "a JPEG of 4 billion pixels": (jpeg_of(65_500, 65_500), "has 65500x65500 pixels"),
    "a JPEG with a size behind fill bytes": (jpeg_of(65_500, 65_500, b"\xff\xff"), NO_IMAGE),
    "a JPEG with a size behind a restart": (
        jpeg_of(65_500, 65_500, b"\xff\xd0" + segment(0xFE, SMALL_FRAME)), NO_IMAGE,
    ),
    "a JPEG with two sizes": (jpeg_of(65_500, 65_500, SMALL_FRAME), NO_IMAGE),
    "a JPEG without pixels": (jpeg_of(32, 32), NO_IMAGE),
    "a GIF": (b"GIF89a" + struct.pack("<HH", 65_500, 65_500) + bytes(99), NO_IMAGE),
    "a pickle": (b"cos\nsystem\n(S'touch harmed'\ntR.", NO_IMAGE),
    "a million bytes": (GOOD + bytes(1 << 20), "more than 262,144"),
}  # fmt: skip


def struct_of(content, kind=None):
    return pyarrow.array([{"bytes": content}], kind)


def written(**columns):
    return lambda path: parquet.write_table(pyarrow.table(columns), path)


def twice(path):
    columns = [struct_of(GOOD), pyarrow.array([1]), pyarrow.array([1])]
    parquet.write_table(pyarrow.Table.from_arrays(columns, ["img", "label", "label"]), path)


def nested(path):
    kind = pyarrow.binary()
    for _ in range(60):
        kind = pyarrow.struct([("bytes", kind)])
    parquet.write_table(pyarrow.table({"img": pyarrow.nulls(1, kind), "label": [1]}), path)


def many_columns(path):
    parquet.write_table(pyarrow.table({f"\x1b[2J{n}": [1] for n in range(2_000)}), path)


def one_large_image_many_times(path):
    """300,000 bytes in 8,000 rows, once in the file: 2.4 billion bytes for a careless reader."""
    places = pyarrow.array(np.zeros(8_000, dtype=np.int32))
    contents = pyarrow.DictionaryArray.from_arrays(places, [bytes(300_000)])
    images = pyarrow.StructArray.from_arrays([contents], names=["bytes"])
    table = pyarrow.table({"img": images, "label": np.zeros(8_000, dtype=np.int64)})
    parquet.write_table(table, path, compression="zstd", store_schema=False)
    assert path.stat().st_size < 100_000


COLUMNS = "columns are "
# A Parquet file as the training split, with a part of the sentence that refuses it.
TABLES = {
    "a footer longer than the file": (
        lambda path: path.write_bytes(b"PAR1" + struct.pack("<I", 2**31 - 1) + b"PAR1"),
        "cannot be read as Parquet",
    ),
    "a pipe": (os.mkfifo, "is not a file"),
    "2,000 columns of escapes": (many_columns, COLUMNS),
    "text for images": (written(img=pyarrow.array([{"bytes": "x"}]), label=[1]), COLUMNS),
    "labels of text": (written(img=struct_of(GOOD), label=["os.system"]), COLUMNS),
    "a column twice": (twice, COLUMNS),
    "60 structs in each other": (nested, COLUMNS),
}
# The same, refused when the images are read.
READ = {
    "labels above all whole numbers": (
        written(img=struct_of(GOOD), label=pyarrow.array([2**64 - 1], pyarrow.uint64())),
        "cannot be read as Parquet",
    ),
    "a label that is no class": (written(img=struct_of(GOOD), label=[10]), "labels run from"),
    "an empty image": (
        written(img=pyarrow.array([{"bytes": None}], pyarrow.struct([("bytes", pyarrow.binary())])),
                label=[1]),
        "has empty rows",
    ),
    "one large image many times": (one_large_image_many_times, "has 300,000 bytes"),
}  # fmt: skip
