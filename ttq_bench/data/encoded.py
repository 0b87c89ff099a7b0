"""Encoded images (PNG, JPEG) from Parquet files in the usual hub layout or from class folders.

Hub layout: a column of structs with a ``bytes`` field, and an integer column of labels.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow
from pyarrow import parquet

from ttq_bench.data.headers import read_header
from ttq_bench.data.sources import Source, class_folder_files
from ttq_bench.errors import DataError

LABEL_COLUMNS = ("label", "labels", "fine_label")


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
    for path in source.train:
        first = next(_encoded_images(source, path, 0), None)
        if first is None:
            continue
        header = read_header(first.content)
        if header is None:
            raise DataError(f"{path}: images are neither JPEG nor PNG")
        encoding, *given = header
        if tuple(given) != size:
            raise DataError(
                f"{first.where} has {given[0]}x{given[1]} pixels,"
                f" {source.dataset} has {size[0]}x{size[1]}: these are other images;"
                " name the right folder with --data-dir"
            )
        return encoding
    raise DataError(f"{source.train[0].parent}: no images found")


def split_sizes(source: Source) -> tuple[int, int]:
    """Return the numbers of training and test images, without decoding any."""
    if source.kind == "parquet":
        train, test = (
            sum(_open(path).metadata.num_rows for path in paths)
            for paths in (source.train, source.test)
        )
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


def encoded_images(source: Source, split: str) -> Iterator[EncodedImage]:
    """Yield each image of ``train`` or ``test``, in file order."""
    for number, path in enumerate(source.train if split == "train" else source.test):
        yield from _encoded_images(source, path, number)


def _encoded_images(source: Source, path: Path, number: int) -> Iterator[EncodedImage]:
    if source.kind == "folders":
        for file in class_folder_files(path):
            yield EncodedImage(file.read_bytes(), number, str(file))
        return
    row = 0
    opened = _open(path)
    image, label = _columns(path, opened.schema_arrow)
    try:
        for batch in opened.iter_batches(columns=[image, label], batch_size=4096):
            contents = batch.column(image).field("bytes").to_pylist()
            labels = batch.column(label).to_pylist()
            if None in contents or None in labels:
                raise DataError(f"{path}: column {image!r} or {label!r} has empty rows")
            for content, own_label in zip(contents, labels, strict=True):
                yield EncodedImage(content, own_label, f"{path}: row {row}")
                row += 1
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path}: cannot be read as Parquet ({error}); fetch it again") from error


def _open(path: Path) -> parquet.ParquetFile:
    try:
        return parquet.ParquetFile(path)
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path}: cannot be read as Parquet ({reason}); fetch it again") from error


def _columns(path: Path, schema: pyarrow.Schema) -> tuple[str, str]:
    images = [
        field.name
        for field in schema
        if pyarrow.types.is_struct(field.type) and field.type.get_field_index("bytes") >= 0
    ]
    labels = [
        name
        for name in LABEL_COLUMNS
        if name in schema.names and pyarrow.types.is_integer(schema.field(name).type)
    ]
    if not images or not labels:
        raise DataError(
            f"{path}: columns are {', '.join(schema.names)}; expected an image column of structs"
            f" with 'bytes' and whole numbers in one of {', '.join(LABEL_COLUMNS)}"
        )
    return images[0], labels[0]
