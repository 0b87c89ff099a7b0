import numpy as np
import pytest
import torch

from tests.data import builders
from ttq_bench.data.batches import MOST_PIXELS, Normaliser, TrialBatches
from ttq_bench.data.catalog import own_card
from ttq_bench.data.prepared import ImageSet
from ttq_bench.errors import DataError

TRAIN, TEST, HELD_OUT = 50, 7, 12
every_augmentation = pytest.mark.parametrize("augmentation", ["crop_flip", "none"])


def image_set(channels=3):
    """Images that carry their own number as the label, so that each can be followed."""
    images = torch.from_numpy(builders.random_images(TRAIN + TEST, (8, 8, channels)))
    labels = torch.arange(TRAIN + TEST)
    return ImageSet(
        own_card("cifar10-png-subset", (channels, 8, 8), TRAIN + TEST, TRAIN, TEST),
        (100.0,) * channels, (50.0,) * channels, "",
        images[:TRAIN], labels[:TRAIN], images[TRAIN:], labels[TRAIN:],
    )  # fmt: skip


def batches(images=None, *, seed=0, augmentation="none", batch_size=8, held_out=HELD_OUT):
    return TrialBatches(
        images or image_set(),
        seed=seed,
        batch_size=batch_size,
        validation_count=held_out,
        augmentation=augmentation,
        device=torch.device("cpu"),
    )


def seen(trial, epoch):
    return torch.cat([labels for _, labels in trial.epoch(epoch)]).tolist()


def validation(trial):
    return torch.cat([labels for _, labels in trial.held_out("validation", 5)]).tolist()


@every_augmentation
def test_validation_images_are_never_trained_on(augmentation):
    trial = batches(augmentation=augmentation, batch_size=1)
    trained = set().union(*(seen(trial, epoch) for epoch in range(3)))
    assert len(validation(trial)) == HELD_OUT
    assert trained.isdisjoint(validation(trial))
    assert trained | set(validation(trial)) == set(range(TRAIN))


def test_validation_images_are_the_same_for_every_seed():
    assert validation(batches(seed=0)) == validation(batches(seed=9))


@every_augmentation
def test_an_epoch_shows_every_training_image_at_most_once_in_full_batches(augmentation):
    trial = batches(augmentation=augmentation)
    sizes = [len(labels) for _, labels in trial.epoch(0)]
    assert sizes == [8] * trial.steps_per_epoch == [8, 8, 8, 8]  # 38 images, 6 left out
    assert len(set(seen(trial, 0))) == 32


def test_images_left_out_of_one_epoch_come_in_others():
    trial = batches()
    assert len(set().union(*(seen(trial, epoch) for epoch in range(8)))) == TRAIN - HELD_OUT


def test_order_differs_by_epoch_and_by_seed():
    trial = batches()
    orders = [seen(trial, 0), seen(trial, 1), seen(batches(seed=1), 0)]
    assert len({tuple(order) for order in orders}) == 3


@every_augmentation
def test_equal_seed_and_epoch_give_equal_batches_whatever_ran_before(augmentation):
    fresh, used = batches(augmentation=augmentation), batches(augmentation=augmentation)
    for epoch in (0, 1, 2):
        list(used.epoch(epoch))
    for (images, labels), (again, same) in zip(fresh.epoch(2), used.epoch(2), strict=True):
        assert images.equal(again)
        assert labels.equal(same)


def test_augmentation_does_not_change_the_order():
    assert seen(batches(augmentation="none"), 3) == seen(batches(augmentation="crop_flip"), 3)


def test_augmented_images_differ_between_epochs():
    trial = batches(augmentation="crop_flip", batch_size=38)
    shown = []
    for epoch in (0, 1):
        images, labels = next(trial.epoch(epoch))
        shown.append(images[labels.argsort()])
    assert not shown[0].equal(shown[1])


def test_each_batch_holds_the_images_of_its_labels():
    images = image_set()
    for batch, labels in batches(images).epoch(0):
        expected = (images.train_images[labels].double() - 100) / 50
        assert torch.allclose(batch.double().permute(0, 2, 3, 1), expected)


def test_normaliser_by_hand():
    normalise = Normaliser(torch.tensor([10.0, 0.0, 255.0]), torch.tensor([5.0, 1.0, 51.0]))
    images = torch.tensor([[[[20, 7, 0], [0, 0, 255]]]], dtype=torch.uint8)  # 1 row, 2 columns
    result = normalise(images)
    assert result.shape == (1, 3, 1, 2)
    assert result.flatten().tolist() == [2.0, -2.0, 7.0, 0.0, -5.0, 0.0]
    assert result.is_contiguous(memory_format=torch.channels_last)
    assert images.flatten().tolist() == [20, 7, 0, 0, 0, 255]


@every_augmentation
def test_images_of_one_channel_pass(augmentation):
    images, _ = next(batches(image_set(channels=1), augmentation=augmentation).epoch(0))
    assert images.shape == (8, 1, 8, 8)


@pytest.mark.parametrize("size", [1, 5, 7, 100])
def test_held_out_splits_give_all_images_plain_and_in_order(size):
    images = image_set()
    trial = batches(images, augmentation="crop_flip")
    pairs = list(trial.held_out("test", size))
    assert [len(labels) for _, labels in pairs][:-1] == [size] * (len(pairs) - 1)
    assert torch.cat([labels for _, labels in pairs]).tolist() == list(range(TRAIN, TRAIN + TEST))
    pixels = torch.cat([batch for batch, _ in pairs]).permute(0, 2, 3, 1) * 50 + 100
    assert np.array_equal(pixels.round().byte().numpy(), images.test_images.numpy())


def test_fewer_images_than_a_batch_make_one_small_batch():
    trial = batches(batch_size=1_000)
    assert trial.steps_per_epoch == 1
    assert [len(labels) for _, labels in trial.epoch(0)] == [TRAIN - HELD_OUT]


@pytest.mark.parametrize("held_out", [TRAIN, TRAIN + 1])
def test_a_subset_with_no_image_left_to_train_on_is_refused(held_out):
    with pytest.raises(DataError, match=r"cifar10-png-subset: 50 training images.* held out"):
        batches(held_out=held_out)


def test_large_images_are_evaluated_fewer_at_a_time(monkeypatch):
    images = image_set()
    monkeypatch.setattr("ttq_bench.data.batches.MOST_PIXELS", 3 * 8 * 8 + 1)
    pairs = list(batches(images, augmentation="none").held_out("test", 1_000))
    assert [len(labels) for _, labels in pairs][:-1] == [3] * (len(pairs) - 1)
    assert torch.cat([labels for _, labels in pairs]).tolist() == list(range(TRAIN, TRAIN + TEST))


def test_a_thousand_cifar_images_are_evaluated_at_once():
    assert MOST_PIXELS // (32 * 32) >= 1_000
