"""Batches of one trial: which images it trains on, and in which order, by named streams.

Shapes: B images in a batch, C channels, H height, W width.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ttq_bench.data.augmentation import CropFlip
from ttq_bench.data.catalog import check_held_out
from ttq_bench.data.prepared import Images, ImageSet
from ttq_bench.ranks import ALONE, Ranks
from ttq_bench.seeding import stream_seed

MOST_PIXELS = 4 << 20  # of one batch that is evaluated: 83 images of 224x224


@dataclass(frozen=True, slots=True)
class Normaliser:
    """Maps uint8 images [B, H, W, C] to standardised float images [B, C, H, W], channels last."""

    mean: Tensor
    deviation: Tensor

    def __call__(self, images: Tensor) -> Tensor:
        """Return (image - mean) / deviation for each channel; memory stays channels last."""
        return images.float().sub_(self.mean).div_(self.deviation).permute(0, 3, 1, 2)


class Batches(ABC):
    """The images of one trial on one device: augmented for training, plain for evaluation.

    This is what ``training/loop.py`` needs of the data. A subclass draws what its batches are made
    of (``draws``), makes images and labels of a draw (``batch``), and reads images for evaluation
    (``_plain``). Rows are numbers of images [B], int64.
    """

    top5 = False  # whether to measure the top-5 error; of ten classes it says nothing

    def __init__(
        self,
        images: Images,
        train_count: int,
        *,
        seed: int,
        batch_size: int,
        validation_count: int,
        device: torch.device,
        ranks: Ranks = ALONE,
    ) -> None:
        """Split off the validation images, the same for every seed.

        With ``ranks``, this process gets its share of each batch and of the images held out.
        """
        check_held_out(images.card.name, train_count, validation_count)
        self.seed = seed
        self.batch_size = batch_size
        self.device = device
        self.ranks = ranks
        order = torch.randperm(train_count, generator=_generator(0, "validation split"))
        self.validation, self.training = order[:validation_count], order[validation_count:]
        _, self.height, self.width = images.card.image_shape
        self.normalise = Normaliser(
            torch.tensor(images.mean, device=device), torch.tensor(images.deviation, device=device)
        )

    @property
    def steps_per_epoch(self) -> int:
        """Number of batches in one pass; a last batch that is not full is left out."""
        return max(1, len(self.training) // self.batch_size)

    @property
    @abstractmethod
    def test_count(self) -> int:
        """Number of test images."""

    @abstractmethod
    def draws(self, epoch: int, first: int = 0) -> Iterator[tuple[Tensor, ...]]:
        """Yield what each batch of ``epoch`` is made of, from batch ``first`` on."""

    @abstractmethod
    def batch(self, *draw: Tensor) -> tuple[Tensor, Tensor]:
        """Return images [B, C, H, W] and labels [B] of a draw."""

    @abstractmethod
    def _plain(self, split: str, parts: Sequence[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield images and labels, not augmented, of these rows of ``validation`` or ``test``."""

    def epoch(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield images [B, C, H, W] and labels [B] in the order of ``epoch``."""
        return (self.batch(*draw) for draw in self.draws(epoch))

    def held_out(self, split: str, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the plain batches of ``validation`` or ``test``, all images, ``size`` at a time.

        Fewer of large images, whose activations would not fit into memory.
        """
        rows = (
            self.validation
            if split == "validation"
            else torch.arange(self.test_count).to(self.validation)
        )
        most = max(MOST_PIXELS // (self.height * self.width), 1)
        parts = torch.split(self.ranks.share(rows), min(size, most))
        return self._plain(split, [part for part in parts if len(part)])

    def _steps(self, epoch: int) -> tuple[Tensor, ...]:
        """Return the rows of each batch of ``epoch``, for all ranks together."""
        order = self._shuffled(_generator(self.seed, "order", epoch))
        return torch.split(order[: self.steps_per_epoch * self.batch_size], self.batch_size)

    def _shuffled(self, generator: torch.Generator) -> Tensor:
        """Return the training images in a random order."""
        order = torch.randperm(len(self.training), generator=generator)
        return self.training[order.to(self.training.device)]


class TrialBatches(Batches):
    """Batches of images that lie in memory: on the host, or on the GPU that trains."""

    def __init__(
        self,
        images: ImageSet,
        *,
        augmentation: str,
        device: torch.device,
        **options: Any,
    ) -> None:
        """Move all images to ``device``; ``options`` are those of ``Batches``.

        On the host nothing is copied: trials of one machine look into the same mapped images.
        """
        super().__init__(images, len(images.train_labels), device=device, **options)
        self.images = images.train_images.to(device)
        self.labels = images.train_labels.to(device)
        self.augment = CropFlip(self.images) if augmentation == "crop_flip" else None
        self.test = images.test_images.to(device), images.test_labels.to(device)
        self.validation, self.training = self.validation.to(device), self.training.to(device)

    @property
    def test_count(self) -> int:
        """Number of test images."""
        return len(self.test[1])

    def draws(self, epoch: int, first: int = 0) -> Iterator[tuple[Tensor, ...]]:
        """Yield image numbers [B], crops and flips [B, 3], of each batch of ``epoch`` from first.

        Without augmentation there are numbers alone.
        """
        steps = self._steps(epoch)
        shares = [self.ranks.share(rows) for rows in steps[first:]]
        if self.augment is None or not shares:
            yield from ((rows,) for rows in shares)
            return
        stream = _generator(self.seed, "augmentation", epoch)
        crops = [self.augment.draw(len(rows), stream) for rows in steps]
        own_crops = torch.stack([self.ranks.share(crop.T) for crop in crops[first:]])
        yield from zip(shares, own_crops.to(self.device), strict=True)

    def batch(self, *draw: Tensor) -> tuple[Tensor, Tensor]:
        """Return images [B, C, H, W] and labels [B] of a draw."""
        rows, *crops = draw
        if self.augment is None or not crops:
            return self.normalise(self.images[rows]), self.labels[rows]
        return self.normalise(self.augment.batch(rows, crops[0].T)), self.labels[rows]

    def _plain(self, split: str, parts: Sequence[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        images, labels = (self.images, self.labels) if split == "validation" else self.test
        return ((self.normalise(images[rows]), labels[rows]) for rows in parts)


def _generator(seed: int, name: str, *indices: int) -> torch.Generator:
    return torch.Generator().manual_seed(stream_seed(seed, name, *indices))
