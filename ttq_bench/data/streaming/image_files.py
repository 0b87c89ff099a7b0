"""Lists of encoded images that stay on the disk: in class folders, or in Parquet files.

Only names and labels are kept in memory. To add another form, write a class of ``ImageFiles``.
"""

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow
import torch
from numpy.typing import NDArray
from torch import Tensor

from ttq_bench.data.formats.class_folders import class_folder_files, read_image
from ttq_bench.data.formats.parquet_files import (
    image_columns,
    open_parquet,
    read_labels,
    unreadable,
)
from ttq_bench.errors import DataError

MOST_FILE_BYTES = 64 << 20  # the largest image of ImageNet has 16 million bytes
# Row groups among whose images a batch is drawn. The hub's have 100 images, 11 MB: a process that
# decodes keeps as many as these, 0.35 GB.
WINDOW_GROUPS = 32
WINDOW_ROWS = 4096
SIZE = 224  # pixels of both edges of what is made of an image
# Means and deviations of ImageNet's training images by channel, times 255, as torchvision has them.
MEAN = (0.485 * 255, 0.456 * 255, 0.406 * 255)
DEVIATION = (0.229 * 255, 0.224 * 255, 0.225 * 255)


class ImageFiles(ABC):
    """Encoded images by number, with their labels [N], int64."""

    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    @abstractmethod
    def read(self, row: int) -> bytes:
        """Return the encoded bytes of an image; ``DataError`` where they cannot be read."""

    @abstractmethod
    def where(self, row: int) -> str:
        """Return where an image lies, as errors name it."""

    def shuffled(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Return ``rows`` in a random order."""
        return rows[torch.randperm(len(rows), generator=generator)]


class FolderFiles(ImageFiles):
    """Files of class folders; the label is the number of the folder."""

    def __init__(self, folders: Sequence[Path]) -> None:
        """List all folders; ``DataError`` for what is no plain file."""
        names = [[file.name for file in class_folder_files(folder)] for folder in folders]
        self.folders = tuple(folders)
        # An array of bytes: a million Python strings would be copied into every process.
        self.names = np.array([name.encode() for part in names for name in part])
        self.labels = np.repeat(np.arange(len(names)), [len(part) for part in names])

    def where(self, row: int) -> str:
        """Return the path of an image."""
        return str(self.folders[self.labels[row]] / self.names[row].decode())

    def read(self, row: int) -> bytes:
        """Return the encoded bytes of an image; ``DataError`` where they cannot be read."""
        return read_image(Path(self.where(row)), MOST_FILE_BYTES)


class ShardFiles(ImageFiles):
    """Rows of Parquet files in the hub's layout, read a row group at a time."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Read the labels and the sizes of the row groups; ``DataError`` for other files."""
        self.paths = tuple(paths)
        labels, self.groups, starts = [], [], [0]
        for shard, path in enumerate(paths):
            opened = open_parquet(path)
            labels.append(read_labels(path, opened).to_numpy())
            for group in range(opened.metadata.num_row_groups):
                self.groups.append((shard, group))
                starts.append(starts[-1] + opened.metadata.row_group(group).num_rows)
        self.labels = np.concatenate(labels).astype(np.int64)
        self.starts = np.array(starts)
        self._kept: OrderedDict[int, pyarrow.Array] = OrderedDict()

    def where(self, row: int) -> str:
        """Return file and row group of an image."""
        shard, group = self.groups[self._group_of(row)]
        return f"{self.paths[shard]}: row group {group}"

    def read(self, row: int) -> bytes:
        """Return the encoded bytes of an image; ``DataError`` where they cannot be read."""
        number = self._group_of(row)
        if number not in self._kept:
            self._kept[number] = self._contents(number)
        self._kept.move_to_end(number)
        if len(self._kept) > WINDOW_GROUPS:
            self._kept.popitem(last=False)
        content = self._kept[number][int(row - self.starts[number])].as_py()
        if not content:
            raise DataError(f"{self.where(row)}: has a row without an image")
        return bytes(content)

    def shuffled(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Return ``rows`` in a random order that reads every row group once.

        Row groups are shuffled, then the rows of a few neighbours among each other: rows that were
        written sorted by class stay less mixed than files of folders are.
        """
        owners = torch.from_numpy(np.searchsorted(self.starts, rows.numpy(), side="right") - 1)
        ranks = torch.randperm(len(self.groups), generator=generator)
        largest = max(int(np.diff(self.starts).max()), 1)
        window = max(1, min(WINDOW_GROUPS, WINDOW_ROWS // largest))
        windows = ranks[owners] // window
        mixed = torch.randperm(len(rows), generator=generator)
        return rows[mixed[torch.sort(windows[mixed], stable=True).indices]]

    def _group_of(self, row: int) -> int:
        return int(np.searchsorted(self.starts, row, side="right")) - 1

    def _contents(self, number: int) -> pyarrow.Array:
        shard, group = self.groups[number]
        path = self.paths[shard]
        # Opened anew: processes that decode must not share a place in a file.
        opened = open_parquet(path)
        image, _ = image_columns(path, opened.schema_arrow)
        try:
            table = opened.read_row_group(group, [f"{image}.bytes"], use_threads=False)
        except (pyarrow.ArrowException, OSError) as error:
            raise unreadable(path, error) from error
        return table.column(image).combine_chunks().field("bytes")
