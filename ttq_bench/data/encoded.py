"""Encoded images (PNG, JPEG) from Parquet files in the usual hub layout or from class folders.

Hub layout: a column of structs with a ``bytes`` field, and an integer column of labels.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow
from pyarrow import compute, parquet

from ttq_bench.data.class_folders import class_folder_files
from ttq_bench.data.headers import has_colours, read_header
from ttq_bench.data.sources import Source
from ttq_bench.errors import DataError

LABEL_COLUMNS = ("label", "labels", "fine_label")
# Decoded, an image of the table has 3,072 bytes at most; a file with many words in it, more.
MOST_IMAGE_BYTES = 256 << 10
MOST_COLUMN_BYTES = 2 << 30  # unpacked, of one file; all of CIFAR-10 has 0.14 billion
BATCH_ROWS = 1024  # so that a batch has at most 0.27 billion bytes of images
SHOWN_COLUMNS = 10


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
            sum(open_parquet(path).metadata.num_rows for path in paths)
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


def class_count(source: Source) -> int:
    """Return how many classes the training images of Parquet files have, by their largest label."""
    labels = (read_labels(path, open_parquet(path)) for path in source.train)
    return 1 + max(compute.max(part).as_py() or 0 for part in labels)


def read_labels(path: Path, opened: parquet.ParquetFile) -> pyarrow.ChunkedArray:
    """Return the column of labels of an opened Parquet file; ``DataError`` without one."""
    _, label = image_columns(path, opened.schema_arrow)
    try:
        return opened.read([label], use_threads=False).column(label)
    except (pyarrow.ArrowException, OSError) as error:
        raise _unreadable(path, error) from error


def look_at_folder(source: Source) -> tuple[tuple[int, int, int], list[str]]:
    """Return the shape that all images of a folder share, and a line with the hash of each.

    The shape has one channel where no image has colours. Raises ``DataError`` that names the first
    image of another size, or of another format than PNG and JPEG.
    """
    first: tuple[int, ...] = ()
    coloured, lines = False, []
    for split in ("train", "test"):
        for image in encoded_images(source, split):
            header = read_header(image.content)
            if header is None:
                raise DataError(f"{image.where}: is neither JPEG nor PNG")
            first = first or header[1:]
            if header[1:] != first:
                raise DataError(
                    f"{image.where}: has {header[1]}x{header[2]} pixels, the first image of the"
                    f" folder {first[0]}x{first[1]}; bring all images to the size that the model"
                    " takes"
                )
            coloured = coloured or has_colours(image.content)
            path = Path(image.where)
            digest = hashlib.sha256(image.content).hexdigest()
            lines.append(f"{path.parent.name}/{path.name} {digest}")
    return (3 if coloured else 1, *first), lines  # type: ignore[return-value]


def encoded_images(source: Source, split: str) -> Iterator[EncodedImage]:
    """Yield each image of ``train`` or ``test``, in file order."""
    for number, path in enumerate(source.train if split == "train" else source.test):
        yield from _encoded_images(source, path, number)


def _encoded_images(source: Source, path: Path, number: int) -> Iterator[EncodedImage]:
    if source.kind == "folders":
        for file in class_folder_files(path):
            yield EncodedImage(_file_bytes(file), number, str(file))
        return
    row = 0
    opened = open_parquet(path)
    image, label = image_columns(path, opened.schema_arrow)
    opened = open_parquet(path, f"{image}.bytes")
    try:
        for group in range(opened.num_row_groups):  # a batch must not span two dictionaries
            for batch in opened.iter_batches(
                BATCH_ROWS, [group], [f"{image}.bytes", label], use_threads=False
            ):
                for content, own_label in _rows(batch, image, label, path):
                    yield EncodedImage(content, own_label, f"{path}: row {row}")
                    row += 1
    except (pyarrow.ArrowException, OSError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> DataError:
    return DataError(f"{path}: cannot be read as Parquet ({error}); fetch it again")


def _file_bytes(file: Path) -> bytes:
    with file.open("rb") as stream:
        content = stream.read(MOST_IMAGE_BYTES + 1)
    if len(content) > MOST_IMAGE_BYTES:
        raise DataError(f"{file}: has more than {MOST_IMAGE_BYTES:,} bytes; no image of a set")
    return content


def _rows(
    batch: pyarrow.RecordBatch, image: str, label: str, path: Path
) -> Iterator[tuple[bytes, int]]:
    contents = batch.column(image).field("bytes")
    # Still a dictionary: a large value that stands in many rows is there once until it is measured.
    longest = compute.max(compute.binary_length(contents.dictionary)).as_py() or 0
    if longest > MOST_IMAGE_BYTES:
        raise DataError(
            f"{path}: an image has {longest:,} bytes, more than {MOST_IMAGE_BYTES:,}; no image of"
            " a set"
        )
    labels = batch.column(label).cast(pyarrow.int64())
    if contents.null_count or labels.null_count:
        raise DataError(f"{path}: column {image!r} or {label!r} has empty rows")
    for content, own_label in zip(contents, labels, strict=True):
        yield content.as_py(), own_label.as_py()


def open_parquet(path: Path, as_dictionary: str | None = None) -> parquet.ParquetFile:
    """Return a Parquet file of sane size; ``DataError`` for anything else."""
    if not path.is_file():
        raise DataError(f"{path}: is not a file")
    try:
        opened = parquet.ParquetFile(path, read_dictionary=[as_dictionary] * bool(as_dictionary))
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path}: cannot be read as Parquet ({reason}); fetch it again") from error
    metadata = opened.metadata
    sizes = (
        metadata.row_group(group).column(column).total_uncompressed_size
        for group in range(metadata.num_row_groups)
        for column in range(metadata.num_columns)
    )
    if metadata.num_rows < 0 or not 0 <= sum(sizes) <= MOST_COLUMN_BYTES:
        raise DataError(f"{path}: says that it holds more than {MOST_COLUMN_BYTES:,} bytes")
    return opened


def image_columns(path: Path, schema: pyarrow.Schema) -> tuple[str, str]:
    """Return the names of the columns of images and labels; ``DataError`` without either."""
    names = list(schema.names)
    kinds = {field.name: field.type for field in schema if names.count(field.name) == 1}
    images = [name for name, kind in kinds.items() if _holds_bytes(kind)]
    labels = [n for n in LABEL_COLUMNS if n in kinds and pyarrow.types.is_integer(kinds[n])]
    if not images or not labels:
        more = ", ..." if len(names) > SHOWN_COLUMNS else ""
        raise DataError(
            f"{path}: columns are {', '.join(names[:SHOWN_COLUMNS])}{more}; expected an image"
            " column of structs with 'bytes' and whole numbers in one of"
            f" {', '.join(LABEL_COLUMNS)}"
        )
    return images[0], labels[0]


def _holds_bytes(kind: pyarrow.DataType) -> bool:
    if not pyarrow.types.is_struct(kind):
        return False
    place = kind.get_field_index("bytes")
    return place >= 0 and bool(pyarrow.types.is_binary(kind.field(place).type))
