import pytest

from ttq_bench.models.catalog import MODELS
from ttq_bench.speed.epochs import HELD_OUT, IMAGES, MOST_BYTES, random_images


@pytest.mark.parametrize("model", ["lenet5", "resnet20"])
def test_small_images_are_as_many_as_ever(model):
    images = random_images(model)

    assert len(images.train_images) == IMAGES + HELD_OUT
    assert images.classes == 10


@pytest.mark.slow
def test_large_images_are_fewer_and_labelled_with_all_classes_of_the_card():
    images = random_images("resnet18")

    channels, *sides = MODELS["resnet18"].image_shape
    assert images.train_images.shape[1:] == (*sides, channels)
    assert images.train_images[:-HELD_OUT].nbytes <= MOST_BYTES
    assert len(images.train_images) > HELD_OUT + 128  # a usual batch is full
    assert images.classes == 1000
    assert 900 < images.train_labels.max() < 1000
