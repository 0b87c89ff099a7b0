"""Random images of P1 and P8; and P8, what an epoch spends beside its steps."""

import pytest
import torch

from ttq_bench.models.catalog import MODELS
from ttq_bench.speed import epochs
from ttq_bench.speed.epochs import HELD_OUT, IMAGES, MOST_BYTES, random_images
from ttq_bench.speed.steps import Work
from ttq_bench.training.recipe import Recipe

WORK = Work("lenet5", Recipe(epochs=1, batch_size=50, precision="fp32"), torch.device("cpu"))


@pytest.mark.parametrize("model", ["lenet5", "resnet20"])
def test_small_images_are_as_many_as_ever(model):
    images = random_images(model)

    assert len(images.train_images) == IMAGES + HELD_OUT
    assert images.card.classes == 10


@pytest.mark.slow
def test_large_images_are_fewer_and_labelled_with_all_classes_of_the_card():
    images = random_images("resnet18")

    channels, *sides = MODELS["resnet18"].image_shape
    assert images.train_images.shape[1:] == (*sides, channels)
    assert images.train_images[:-HELD_OUT].nbytes <= MOST_BYTES
    assert len(images.train_images) > HELD_OUT + 128  # a usual batch is full
    assert images.card.classes == 1000
    assert 900 < images.train_labels.max() < 1000


def test_each_part_is_a_share_of_an_epoch_s_steps(monkeypatch):
    # A step, 1,000 images evaluated, a checkpoint, statistics, histograms: one second each.
    monkeypatch.setattr(epochs, "fastest", lambda task, _: (task(), 1.0)[1])

    shares = {figure.quantity.split(" ")[0]: figure for figure in epochs.measure_housekeeping(WORK)}

    epoch = 45_000 / 50
    assert shares["evaluation"].value == pytest.approx(100 * 15 / epoch)
    assert shares["checkpoint"].value == pytest.approx(100 / epoch)
    # Two histograms in the twenty epochs of the shortest protocol.
    assert shares["statistics"].value == pytest.approx(100 * 1.1 / epoch)
    assert shares["all"].value == pytest.approx(100 * 17.1 / epoch)
    assert shares["all"].verdict == "holds"
