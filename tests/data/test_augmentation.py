import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data import builders
from ttq_bench.data.augmentation import CropFlip


def augmented(augment, rows, stream):
    return augment.batch(rows, augment.draw(len(rows), stream))


def naive_batch(images, rows, margin, generator):
    """Pad, crop and flip one image after the other."""
    places = 2 * margin + 1
    downs, rights, flips = (
        torch.randint(most, (len(rows),), generator=generator) for most in (places, places, 2)
    )
    result = []
    _, height, width, channels = images.shape
    for row, down, right, flip in zip(rows, downs, rights, flips, strict=True):
        padded = torch.zeros(height + 2 * margin, width + 2 * margin, channels, dtype=torch.uint8)
        padded[margin : margin + height, margin : margin + width] = images[row]
        crop = padded[down : down + height, right : right + width]
        result.append(crop.flip(1) if flip else crop)
    return torch.stack(result)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@given(
    channels=st.sampled_from([1, 3]),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    margin=st.integers(0, 4),
    seed=st.integers(0, 1_000),
)
@settings(max_examples=60, deadline=None)
def test_a_batch_equals_the_naive_loop(channels, height, width, margin, seed):
    images = torch.from_numpy(builders.random_images(6, (height, width, channels), seed))
    rows = torch.tensor([5, 0, 0, 3])
    batch = augmented(CropFlip(images, margin), rows, generator(seed))
    assert batch.equal(naive_batch(images, rows, margin, generator(seed)))
    assert batch.dtype == torch.uint8


def test_without_margin_an_image_is_itself_or_its_mirror_image():
    image = torch.tensor([[[[1], [2]], [[3], [4]]]], dtype=torch.uint8)
    batch = augmented(CropFlip(image, 0), torch.zeros(50, dtype=torch.long), generator())
    assert {tuple(one.flatten().tolist()) for one in batch} == {(1, 2, 3, 4), (2, 1, 4, 3)}


def test_every_place_and_both_directions_are_drawn():
    image = torch.from_numpy(builders.random_images(1, (4, 4, 1)))
    batch = augmented(CropFlip(image, 1), torch.zeros(500, dtype=torch.long), generator())
    assert len({tuple(one.flatten().tolist()) for one in batch}) == 3 * 3 * 2


@pytest.mark.parametrize("channels", [1, 3])
def test_images_given_are_left_as_they_are(channels):
    images = torch.from_numpy(builders.random_images(2, (5, 5, channels)))
    before = images.clone()
    augmented(CropFlip(images), torch.tensor([0, 1]), generator()).zero_()
    assert images.equal(before)


def test_a_batch_depends_on_the_generator_alone():
    images = torch.from_numpy(builders.random_images(8))
    augment, rows = CropFlip(images), torch.arange(8)
    first = augmented(augment, rows, generator(1))
    assert augmented(augment, rows, generator(1)).equal(first)
    assert not augmented(augment, rows, generator(2)).equal(first)
