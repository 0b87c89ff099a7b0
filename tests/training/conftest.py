"""A small network and a handful of images: all that the loop does, in a fraction of a second."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from ttq_bench.data.batches import TrialBatches
from ttq_bench.data.catalog import own_card
from ttq_bench.data.prepared import ImageSet
from ttq_bench.ternary.conversion import quantize_
from ttq_bench.training.loop import TrainingState, start
from ttq_bench.training.recipe import Recipe

COUNT, TESTED, SIZE, CLASSES = 30, 7, 8, 3


def small_network(seed: int) -> nn.Module:
    """Convolutions with and without normalisation behind them, and layers that draw at random."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 6, 3, stride=2),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(54, 8),
        nn.ReLU(),
        nn.Linear(8, CLASSES),
    ).to(memory_format=torch.channels_last)


def synthetic_images() -> ImageSet:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (COUNT + TESTED, SIZE, SIZE, 3), generator=generator).byte()
    labels = torch.arange(COUNT + TESTED) % CLASSES
    return ImageSet(
        card=own_card("synthetic", (3, SIZE, SIZE), CLASSES, COUNT, TESTED),
        train_images=pixels[:COUNT],
        train_labels=labels[:COUNT],
        test_images=pixels[COUNT:],
        test_labels=labels[COUNT:],
        mean=(127.0,) * 3,
        deviation=(74.0,) * 3,
        pixels_sha256="",
    )


@pytest.fixture
def batches() -> TrialBatches:
    """Real batches with crops and flips: 24 images in three steps, six held out."""
    return TrialBatches(
        synthetic_images(),
        seed=1,
        batch_size=8,
        validation_count=6,
        augmentation="crop_flip",
        device=torch.device("cpu"),
    )


@pytest.fixture
def fresh() -> Callable[..., TrainingState]:
    """Return a maker of states as they are before the first epoch."""

    def make(recipe: Recipe, *, seed: int = 0, **conversion: Any) -> TrainingState:
        model = small_network(seed)
        if conversion:
            quantize_(model, "ttq", **conversion)
        return start(model, recipe, lambda name: name.endswith("_scale"))

    return make
