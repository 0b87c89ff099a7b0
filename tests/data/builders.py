"""Small real files of every kind that a dataset may come as."""

import gzip
import io
import pickle
import struct
import tarfile
import zlib
from pathlib import Path

import numpy as np
import pyarrow
from pyarrow import parquet

TRAIN_MEMBERS = tuple(f"data_batch_{number}" for number in range(1, 6))


def touch(folder, *names):
    """Make empty files, and the folders that they lie in."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def random_images(count, shape=(32, 32, 3), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


def random_labels(count, seed=0, classes=10):
    return np.random.default_rng(seed).integers(0, classes, count)


def png(image):
    """Encode pixels [H, W, C], uint8 or uint16, without the library that decodes them."""

    def chunk(kind, content):
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    height, width, channels = image.shape
    bits, colours = 8 * image.itemsize, {1: 0, 3: 2}[channels]
    header = struct.pack(">IIBBBBB", width, height, bits, colours, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(image.dtype.newbyteorder(">")).tobytes() for row in image)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in chunks)


def write_parquet(path, contents, labels, image="img", label="label", *, group=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    structs = [None if c is None else {"bytes": c, "path": None} for c in contents]
    kind = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    columns = {image: pyarrow.array(structs, type=kind), label: pyarrow.array(list(labels))}
    parquet.write_table(pyarrow.table(columns), path, row_group_size=group)


def write_class_folders(folder, images, labels, classes=10):
    for name in range(classes):
        (folder / str(name)).mkdir(parents=True, exist_ok=True)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        (folder / str(label) / f"{number:05}.png").write_bytes(png(image))


def write_random_splits(folder, **counts):
    """Write random images with random labels of ten classes, so many of each split."""
    for split, count in counts.items():
        images, labels = random_images(count, seed=count), random_labels(count, seed=count)
        write_class_folders(folder / split, images, labels)


def write_tar(path, members):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def planes(images):
    """Images [N, 32, 32, 3] as the published rows [N, 3072]: all red, all green, all blue."""
    return images.transpose(0, 3, 1, 2).reshape(len(images), -1)


def binary_members(images, labels, per_batch=2):
    """Members of the archive for C programs; ``per_batch`` images in each of its six files."""
    rows = [bytes([label]) + row.tobytes() for label, row in zip(labels, planes(images))]  # noqa: B905
    names = [*TRAIN_MEMBERS, "test_batch"]
    return {
        f"cifar-10-batches-bin/{name}.bin": b"".join(rows[i * per_batch : (i + 1) * per_batch])
        for i, name in enumerate(names)
    }


def pickle_members(images, labels, per_batch=2):
    """Members of the archive for Python programs, pickled as Python 2 did it."""
    names = [*TRAIN_MEMBERS, "test_batch"]
    parts = [slice(i * per_batch, (i + 1) * per_batch) for i in range(len(names))]
    return {
        f"cifar-10-batches-py/{name}": python2_batch(planes(images[part]), labels[part])
        for name, part in zip(names, parts, strict=True)
    }


def cifar100_members(images, labels, per_batch=2):
    """Members of CIFAR-100's archive: one file a split, with twenty coarse labels before ours."""
    count = per_batch * len(TRAIN_MEMBERS)
    parts = {"train": slice(count), "test": slice(count, count + per_batch)}
    return {
        f"cifar-100-python/{name}": python2_batch(
            planes(images[part]), labels[part],
            {b"coarse_labels": labels[part] // 5, b"fine_labels": labels[part]},
        )
        for name, part in parts.items()
    }  # fmt: skip


def write_idx(path, array):
    """Write bytes as MNIST's files have them, gzipped."""
    header = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(gzip.compress(header + array.astype(np.uint8).tobytes()))


def mat(arrays, *, compress=True):
    """A file of MATLAB's version 5 with arrays of bytes, without the library that reads it."""

    def element(kind, content):
        return struct.pack("<II", kind, len(content)) + content + bytes(-len(content) % 8)

    content = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
    for name, array in arrays.items():
        matrix = element(
            14,
            element(6, struct.pack("<II", 9, 0))  # an array of class uint8
            + element(5, struct.pack(f"<{array.ndim}i", *array.shape))
            + element(1, name.encode())
            + element(2, array.astype(np.uint8).tobytes(order="F")),
        )
        packed = zlib.compress(matrix)
        # What is packed has no bytes added behind it.
        content += struct.pack("<II", 15, len(packed)) + packed if compress else matrix
    return content


def python2_batch(rows, labels, lists=None):
    """A dictionary of an array and lists of integers with Python 2's byte strings."""

    def text(value):
        return pickle.SHORT_BINSTRING + bytes([len(value)]) + value

    def named(module, name):
        return pickle.GLOBAL + module + b"\n" + name + b"\n"

    def number(value):
        return pickle.BININT + struct.pack("<i", value)

    content = rows.tobytes()
    dtype = (
        named(b"numpy", b"dtype")
        + (pickle.MARK + text(b"u1") + number(0) + number(1) + pickle.TUPLE + pickle.REDUCE)
        + (pickle.MARK + number(3) + text(b"|") + pickle.NONE * 3)
        + (number(-1) * 2 + number(0) + pickle.TUPLE + pickle.BUILD)
    )
    array = (
        named(b"numpy.core.multiarray", b"_reconstruct")
        + (pickle.MARK + named(b"numpy", b"ndarray") + number(0) + pickle.TUPLE1)
        + (text(b"b") + pickle.TUPLE + pickle.REDUCE)
        + (pickle.MARK + number(1) + number(rows.shape[0]) + number(rows.shape[1]) + pickle.TUPLE2)
        + (dtype + pickle.NEWFALSE + pickle.BINSTRING + struct.pack("<i", len(content)) + content)
        + (pickle.TUPLE + pickle.BUILD)
    )
    pairs = text(b"data") + array
    for name, values in (lists or {b"labels": labels}).items():
        numbers = pickle.MARK + b"".join(map(number, values)) + pickle.APPENDS
        pairs += text(name) + pickle.EMPTY_LIST + numbers
    return (
        pickle.PROTO + b"\x02" + pickle.EMPTY_DICT + pickle.MARK + pairs
        + pickle.SETITEMS + pickle.STOP
    )  # fmt: skip


def cut(path: Path, share=0.5):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
