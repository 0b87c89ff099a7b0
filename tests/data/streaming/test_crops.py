import io

import numpy as np
import pytest
import torch
from PIL import Image

from tests.data.photographs import photograph
from ttq_bench.data.streaming.crops import AUGMENTATIONS, cropped
from ttq_bench.data.streaming.image_files import SIZE
from ttq_bench.errors import DataError

EVERY = pytest.mark.parametrize("augmentation", sorted([*AUGMENTATIONS, "none"]))


@EVERY
@pytest.mark.parametrize("size", [(60, 40), (40, 60), (500, 375), (224, 224), (300, 1000)])
def test_images_of_every_size_become_224_by_224(augmentation, size):
    pixels = cropped(photograph(1, size), "here", augmentation, 0)
    assert pixels.shape == (SIZE, SIZE, 3)
    assert pixels.dtype == torch.uint8
    assert pixels.is_contiguous()


@EVERY
@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_images_and_those_for_print_become_red_green_and_blue(augmentation, mode):
    assert cropped(photograph(1, mode=mode), "here", augmentation, 0).shape == (SIZE, SIZE, 3)


def test_a_png_file_named_jpeg_is_read():
    buffer = io.BytesIO()
    Image.new("RGB", (300, 300), (10, 20, 30)).save(buffer, "PNG")
    assert cropped(buffer.getvalue(), "a.JPEG", "none", 0)[5, 5].tolist() == [10, 20, 30]


@pytest.mark.parametrize("augmentation", sorted(AUGMENTATIONS))
def test_a_seed_gives_the_same_crop_and_leaves_the_stream_of_torch_alone(augmentation):
    content = photograph(3, (500, 375))
    before = torch.random.get_rng_state()
    first, again, other = (cropped(content, "here", augmentation, seed) for seed in (1, 1, 2))
    assert first.equal(again)
    assert not first.equal(other)
    assert torch.random.get_rng_state().equal(before)


def test_the_plain_crop_is_the_middle_of_the_image_with_a_short_edge_of_256():
    pixels = np.zeros((256, 512, 3), dtype=np.uint8)
    pixels[:, 144:368] = 200  # the 224 columns in the middle
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    assert (cropped(buffer.getvalue(), "here", "none", 0) == 200).all()


def test_the_released_scheme_never_enlarges_an_image_that_is_large_enough():
    # A pattern of single pixels survives only where no edge is resized.
    pixels = np.random.default_rng(0).integers(0, 2, (224, 224, 3), dtype=np.uint8) * 255
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    shown = cropped(buffer.getvalue(), "here", "scaled_crop_flip", 5).numpy()
    assert np.array_equal(shown, pixels) or np.array_equal(shown, pixels[:, ::-1])


def test_crops_differ_in_place_and_in_flip():
    content = photograph(2, (500, 375))
    reds = [
        cropped(content, "here", "resized_crop_flip", seed)[0, :, 0].float() for seed in range(9)
    ]
    assert {bool(row[0] < row[-1]) for row in reds} == {True, False}  # red grows to the right


@pytest.mark.parametrize("content", [b"", b"no image", photograph(1)[:200]])
def test_what_cannot_be_decoded_is_named(content):
    with pytest.raises(DataError, match=r"^n01440764/a.JPEG cannot be decoded \("):
        cropped(content, "n01440764/a.JPEG", "none", 0)


def test_an_image_that_claims_more_pixels_than_fit_is_refused_before_it_is_decoded(monkeypatch):
    monkeypatch.setattr("ttq_bench.data.decoding.MOST_PIXELS", 60 * 40 - 1)
    with pytest.raises(DataError, match="here is 40x60 pixels, more than"):
        cropped(photograph(1), "here", "none", 0)
