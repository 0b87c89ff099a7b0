"""Encoded images (PNG, JPEG) from Parquet files in the usual hub layout or from class folders."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow
from pyarrow import compute

from ttq_bench.data.formats.class_folders import class_folder_files, read_image
from ttq_bench.data.formats.image_kinds import (
    Header,
    by,
    check_size,
    checked_header,
    read_header,
)
from ttq_bench.data.formats.parquet_files import image_columns, open_parquet, row_count, unreadable
from ttq_bench.data.sources import Source
from ttq_bench.errors import DataError

# Decoded, an image of the table has 3,072 bytes at most; a file with many words in it, more.
MOST_IMAGE_BYTES = 256 << 10
BATCH_ROWS = 1024  # so that a batch has at most 0.27 billion bytes of images


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """Bytes of one image with its label; ``where`` is its file, and its row in a Parquet file."""

    content: bytes
    label: int
    where: str


def encoding_of(source: Source, size: tuple[int, int]) -> str:
    """Return ``jpeg`` or ``png``, read off the first image's bytes.

    Raises ``DataError`` for other encodings, and for images that are not ``size`` (height, width):
    these belong to another dataset.
    """
    first = next(encoded_images(source, "train"), None)
    if first is None:  # whatever a file says of its number of rows
        raise DataError(f"{source.train[0].parent}: no images found")
    header = read_header(first.content)
    if header is None:
        place = first.where.partition(": row ")[0]
        raise DataError(f"{place}: images are neither JPEG nor PNG")
    if header.size != size:
        raise DataError(
            f"{first.where} has {by(header.size)} pixels, {source.dataset} has {by(size)}:"
            " these are other images; name the right folder with --data-dir"
        )
    return header.encoding


def split_sizes(source: Source) -> tuple[int, int]:
    """Return the numbers of training and test images, without decoding any."""
    if source.kind == "parquet":
        train, test = row_count(source.train), row_count(source.test)
    else:
        train, test = (
            sum(len(class_folder_files(path)) for path in paths)
            for paths in (source.train, source.test)
        )
    if not train or not test:
        raise DataError(
            f"{source.train[0].parent}: no {'training' if not train else 'test'} images"
        )
    return train, test


def check_sizes(source: Source, size: tuple[int, int]) -> None:
    """Raise ``DataError`` for the first image that is not ``size`` by its header, or not read.

    Nothing is decoded: a run finds the first image that is damaged behind its header.
    """
    for split in ("train", "test"):
        for image in encoded_images(source, split):
            check_size(image.content, image.where, size)


def inspect_folder(source: Source) -> tuple[tuple[int, int, int], list[str]]:
    """Return the shape that all images of a folder share, and a line with the hash of each.

    The shape has one channel where no image has colours. Raises ``DataError`` that names the first
    image of another size, of another format than PNG and JPEG, or of more than 8 bits a channel.
    """
    first: Header | None = None
    coloured, lines = False, []
    for split in ("train", "test"):
        for image in encoded_images(source, split):
            header = checked_header(image.content, image.where)
            first = first or header
            if header.size != first.size:
                raise DataError(
                    f"{image.where}: has {by(header.size)} pixels, the first image of the folder"
                    f" {by(first.size)}; bring all images to the size that the model takes"
                )
            coloured = coloured or header.has_colours
            path = Path(image.where)
            digest = hashlib.sha256(image.content).hexdigest()
            lines.append(f"{path.parent.name}/{path.name} {digest}")
    assert first is not None, "class_folders.py refuses folders without images"
    return (3 if coloured else 1, *first.size), lines


def encoded_images(source: Source, split: str) -> Iterator[EncodedImage]:
    """Yield each image of ``train`` or ``test``, in file order."""
    for number, path in enumerate(source.train if split == "train" else source.test):
        yield from _of_shard(path) if source.kind == "parquet" else _of_class(path, number)


def _of_class(folder: Path, label: int) -> Iterator[EncodedImage]:
    for file in class_folder_files(folder):
        content = read_image(file, MOST_IMAGE_BYTES, "; no image of a set")
        yield EncodedImage(content, label, str(file))


def _of_shard(path: Path) -> Iterator[EncodedImage]:
    row = 0
    opened = open_parquet(path)
    image, label = image_columns(path, opened.schema_arrow)
    opened = open_parquet(path, f"{image}.bytes")
    try:
        for group in range(opened.num_row_groups):  # a batch must not span two dictionaries
            for batch in opened.iter_batches(
                BATCH_ROWS, [group], [f"{image}.bytes", label], use_threads=False
            ):
                for content, own_label in _rows(batch, image, label, path, row):
                    yield EncodedImage(content, own_label, f"{path}: row {row}")
                    row += 1
    except (pyarrow.ArrowException, OSError) as error:
        raise unreadable(path, error) from error


def _rows(
    batch: pyarrow.RecordBatch, image: str, label: str, path: Path, start: int
) -> Iterator[tuple[bytes, int]]:
    contents = batch.column(image).field("bytes")
    # Still a dictionary, so that a large value of many rows is in memory once until it is measured.
    longest = compute.max(compute.binary_length(contents.dictionary)).as_py() or 0
    if longest > MOST_IMAGE_BYTES:
        raise DataError(
            f"{path}: an image has {longest:,} bytes, more than {MOST_IMAGE_BYTES:,}; no image of"
            " a set"
        )
    labels = batch.column(label).cast(pyarrow.int64())
    for name, column, remedy in (
        (image, contents, "the bytes of each image must stand in it: a path to them is not read"),
        (label, labels, "each image needs its label"),
    ):
        if column.null_count:
            first = start + compute.index(compute.is_null(column), True).as_py()
            raise DataError(f"{path}: column {name!r} has empty rows, first row {first}; {remedy}")
    for content, own_label in zip(contents, labels, strict=True):
        yield content.as_py(), own_label.as_py()
