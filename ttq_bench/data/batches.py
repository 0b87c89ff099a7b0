"""Batches of one trial: which images it trains on, and in which order, by named streams.

Shapes: B images in a batch, C channels, H height, W width.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ttq_bench.data.augmentation import CropFlip
from ttq_bench.data.prepared import ImageSet
from ttq_bench.errors import DataError
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


class TrialBatches:
    """The images of one trial on one device: augmented for training, plain for evaluation."""

    top5 = False  # of ten classes it says nothing, and tables without it stay as they are

    def __init__(
        self,
        images: ImageSet,
        *,
        seed: int,
        batch_size: int,
        validation_count: int,
        augmentation: str,
        device: torch.device,
        ranks: Ranks = ALONE,
    ) -> None:
        """Split off the validation images, the same for every seed; move all to ``device``.

        On the host nothing is copied: trials of one machine look into the same mapped images.
        With ``ranks``, this process gets its share of each batch and of the images held out.
        """
        self.ranks = ranks
        self.seed = seed
        self.batch_size = batch_size
        if validation_count >= len(images.train_labels):
            raise DataError(
                f"{images.card.name}: {len(images.train_labels):,} training images are too few:"
                f" {validation_count:,} are held out for validation"
            )
        order = split_order(len(images.train_labels)).to(device)
        self.validation, self.training = order[:validation_count], order[validation_count:]
        self.normalise = Normaliser(
            torch.tensor(images.mean, device=device), torch.tensor(images.deviation, device=device)
        )
        self.images = images.train_images.to(device)
        self.labels = images.train_labels.to(device)
        self.augment = CropFlip(self.images) if augmentation == "crop_flip" else None
        self.test = images.test_images.to(device), images.test_labels.to(device)

    @property
    def steps_per_epoch(self) -> int:
        """Number of batches in one pass; a last batch that is not full is left out."""
        return max(1, len(self.training) // self.batch_size)

    @property
    def device(self) -> torch.device:
        """Where the images are."""
        return self.labels.device

    @property
    def test_count(self) -> int:
        """Number of test images."""
        return len(self.test[1])

    def draws(self, epoch: int, first: int = 0) -> Iterator[tuple[Tensor, ...]]:
        """Yield what each batch of ``epoch`` is made of: image numbers [B], crops and flips [B, 3].

        Those before batch ``first`` are left out.
        """
        order_stream = _generator(self.seed, "order", epoch)
        augmentation_stream = _generator(self.seed, "augmentation", epoch)
        order = torch.randperm(len(self.training), generator=order_stream).to(self.device)
        used = self.training[order[: self.steps_per_epoch * self.batch_size]]
        steps = torch.split(used, self.batch_size)
        mine = [self.ranks.share(rows) for rows in steps[first:]]
        if self.augment is None or not mine:
            yield from ((rows,) for rows in mine)
            return
        crops = [self.augment.draw(len(rows), augmentation_stream) for rows in steps]
        shares = torch.stack([self.ranks.share(crop.T) for crop in crops[first:]])
        yield from zip(mine, shares.to(self.device), strict=True)

    def batch(self, rows: Tensor, crops: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return images [B, C, H, W] and labels [B] of a draw."""
        if self.augment is not None and crops is not None:
            images = self.augment.batch(rows, crops.T)
        else:
            images = self.images[rows]
        return self.normalise(images), self.labels[rows]

    def epoch(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield images [B, C, H, W] and labels [B] in the order of ``epoch``."""
        return (self.batch(*draw) for draw in self.draws(epoch))

    def held_out(self, split: str, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the plain batches of ``validation`` or ``test``, all images, ``size`` at a time.

        Fewer of large images, whose activations would not fit into memory.
        """
        height, width = self.images.shape[1:3]
        size = min(size, max(MOST_PIXELS // (height * width), 1))
        if split == "validation":
            for rows in torch.split(self.ranks.share(self.validation), size):
                yield self.normalise(self.images[rows]), self.labels[rows]
            return
        images, labels = map(self.ranks.share, self.test)
        for start in range(0, len(labels), size):
            part = slice(start, start + size)
            yield self.normalise(images[part]), labels[part]


def split_order(count: int) -> Tensor:
    """Return the order whose first images are held out: one for all trials of a dataset."""
    return torch.randperm(count, generator=_generator(0, "validation split"))


def _generator(seed: int, name: str, *indices: int) -> torch.Generator:
    return torch.Generator().manual_seed(stream_seed(seed, name, *indices))
