"""Batches of images that do not fit into memory: read, decoded and cropped while a network trains.

An epoch draws the same batches whatever the number of processes that decode: each image is cropped
from a stream named by seed, epoch and its own number. Shapes: as in ``data/batches.py``.
"""

import hashlib
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ttq_bench.data.batches import Batches
from ttq_bench.data.catalog import ImagesCard
from ttq_bench.data.formats.parquet_files import class_names
from ttq_bench.data.prepared import Images
from ttq_bench.data.sources import Source
from ttq_bench.data.streaming.image_files import (
    DEVIATION,
    MEAN,
    FolderFiles,
    ImageFiles,
    ShardFiles,
)
from ttq_bench.data.streaming.imagenet import class_list_sha256
from ttq_bench.errors import DataError
from ttq_bench.seeding import stream_seed

SAMPLED = 16  # test images whose pixels show whether two decoders differ
AHEAD = 2  # batches that each process has ready
TOP = 5


@dataclass(frozen=True, slots=True)
class StreamedImages(Images):
    """Where the images of both splits lie, with their labels.

    ``pixels_sha256`` is the hash of the fingerprint and of a few images as decoded here;
    ``class_list_sha256`` that of the names of all classes in order.
    """

    train: ImageFiles
    test: ImageFiles
    class_list_sha256: str


def list_images(source: Source, card: ImagesCard) -> StreamedImages:
    """Return the images of ``source``; ``DataError`` if they are not those of ``card``."""
    from ttq_bench.data.streaming.crops import cropped  # torchvision: 3 s, only to decode

    form = FolderFiles if source.kind == "folders" else ShardFiles
    train, test = form(source.train), form(source.test)
    if (len(train), len(test)) != (card.train_count, card.test_count):
        raise DataError(f"{source.train[0].parent}: images came or went; run the command again")
    sample = hashlib.sha256(card.fingerprint.encode())
    for row in range(0, len(test), -(-len(test) // SAMPLED)):
        sample.update(cropped(test.read(row), test.where(row), "none", 0).numpy().tobytes())
    classes = class_list_sha256(_class_names(source, card.classes))
    return StreamedImages(card, MEAN, DEVIATION, sample.hexdigest(), train, test, classes)


def _class_names(source: Source, classes: int) -> list[str]:
    if source.kind == "folders":
        return [path.name for path in source.train]
    return class_names(source.train[0], classes)


class _Crops(Dataset[object]):
    """What a process that decodes makes of the numbers of a batch."""

    def __init__(self, files: ImageFiles, augmentation: str, seed: int) -> None:
        from ttq_bench.data.streaming.crops import cropped  # torchvision: as above

        self.files = files
        self.augmentation = augmentation
        self.seed = seed
        self.cropped = cropped

    def __getitems__(self, draws: list[tuple[int, int]]) -> tuple[Tensor, Tensor] | str:
        """Return uint8 images [B, H, W, C] and labels [B] for pairs of epoch and row.

        An error is returned as its sentence, because the loader would put a traceback into it. One
        thread decodes: with two, an image took 28 ms beside other work, with one 4 ms.
        """
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            images = torch.stack([self._cropped(*draw) for draw in draws])
        except DataError as error:
            return str(error)
        finally:
            torch.set_num_threads(threads)
        return images, torch.from_numpy(self.files.labels[[row for _, row in draws]])

    def _cropped(self, epoch: int, row: int) -> Tensor:
        seed = stream_seed(self.seed, "augmentation", epoch, row)
        return self.cropped(self.files.read(row), self.files.where(row), self.augmentation, seed)


class StreamedBatches(Batches):
    """Batches of images that are read and decoded when they are needed."""

    def __init__(
        self, images: StreamedImages, *, augmentation: str, workers: int, **options: Any
    ) -> None:
        """Let ``workers`` processes decode, with 0 this one; ``options`` are those of ``Batches``.

        With ``ranks``, no image is decoded here that another rank takes.
        """
        super().__init__(images, len(images.train), **options)
        self.images = images
        self.augmentation = augmentation
        self.workers = workers
        self.top5 = images.card.classes > TOP
        # In the order of the disk, where the order makes no difference to the result.
        self.validation, self.training = self.validation.sort()[0], self.training.sort()[0]

    @property
    def test_count(self) -> int:
        """Number of test images."""
        return len(self.images.test)

    def draws(self, epoch: int, first: int = 0) -> Iterator[tuple[Tensor, ...]]:
        """Yield uint8 images [B, H, W, C] and labels [B] of each batch of ``epoch`` from first."""
        crops = _Crops(self.images.train, self.augmentation, self.seed)
        shares = [self.ranks.share(rows) for rows in self._steps(epoch)[first:]]
        return self._loaded(crops, epoch, shares)

    def batch(self, *draw: Tensor) -> tuple[Tensor, Tensor]:
        """Return images [B, C, H, W] and labels [B] of a draw."""
        images, labels = draw
        return self.normalise(images), labels

    def _plain(self, split: str, parts: Sequence[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        files = self.images.train if split == "validation" else self.images.test
        return (self.batch(*draw) for draw in self._loaded(_Crops(files, "none", 0), 0, parts))

    def _shuffled(self, generator: torch.Generator) -> Tensor:
        return self.images.train.shuffled(self.training, generator)

    def _loaded(
        self, crops: _Crops, epoch: int, parts: Sequence[Tensor]
    ) -> Iterator[tuple[Tensor, ...]]:
        loader = DataLoader(
            crops,
            batch_sampler=[[(epoch, int(row)) for row in rows] for rows in parts if len(rows)],
            num_workers=self.workers,
            collate_fn=_as_made,
            pin_memory=self.device.type == "cuda",
            worker_init_fn=_leave_interrupts_to_parent if self.workers else None,
            prefetch_factor=AHEAD if self.workers else None,
            # By default it would draw from torch's stream, which belongs to the layers.
            generator=torch.Generator(),
        )
        for batch in loader:
            if isinstance(batch, str):
                raise DataError(batch)
            yield tuple(tensor.to(self.device, non_blocking=True) for tensor in batch)


def _as_made(batch: object) -> object:
    return batch


def _leave_interrupts_to_parent(_worker: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent saves and ends
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
