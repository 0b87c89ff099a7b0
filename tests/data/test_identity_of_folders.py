"""Identities of image folders, which bring their own card (``ttq_bench/data/identity.py``)."""

import json

import pytest

from tests.data import builders
from ttq_bench.data.identity import identify
from ttq_bench.data.sources import find_source
from ttq_bench.errors import DataError


def image_folder(folder, *, count=3, shape=(8, 8, 3), names=("ant", "bee")):
    """Images of two classes in both splits, ``count`` in each of the four folders."""
    for number, split in enumerate(("train", "val")):
        for offset, name in enumerate(names):
            (folder / split / name).mkdir(parents=True, exist_ok=True)
            for row, image in enumerate(builders.random_images(count, shape, 2 * number + offset)):
                (folder / split / name / f"{split}{row}.png").write_bytes(builders.png(image))
    return find_source("folder", folder)


def test_an_image_folder_is_named_after_itself_and_brings_its_own_card(tmp_path, cache):
    identity = identify(image_folder(tmp_path / "my birds, 2nd"), cache)
    assert identity.name == "folder-my_birds_2nd"
    assert (identity.train_count, identity.test_count) == (6, 6)
    assert (identity.image_shape, identity.classes, identity.validation_count) == ((3, 8, 8), 2, 1)
    assert identify(find_source("folder", tmp_path / "my birds, 2nd"), cache) == identity  # kept


def test_a_folder_of_grey_images_has_one_channel_and_one_coloured_image_makes_three(
    tmp_path, cache
):
    source = image_folder(tmp_path / "a", shape=(8, 8, 1))
    assert identify(source, cache).image_shape == (1, 8, 8)
    colour = builders.png(builders.random_images(1, (8, 8, 3))[0])
    (tmp_path / "a/val/bee/val2.png").write_bytes(colour)
    assert identify(find_source("folder", tmp_path / "a"), cache).image_shape == (3, 8, 8)


def test_images_of_two_sizes_in_a_folder_are_refused_by_name(tmp_path, cache):
    source = image_folder(tmp_path / "a")
    other = builders.png(builders.random_images(1, (8, 9, 3))[0])
    (tmp_path / "a/val/ant/val1.png").write_bytes(other)
    with pytest.raises(DataError, match=r"ant/val1\.png: has 8x9 pixels, the first .* 8x8; bring"):
        identify(source, cache)


def test_another_form_of_image_in_a_folder_is_refused_by_name(tmp_path, cache):
    source = image_folder(tmp_path / "a")
    (tmp_path / "a/train/bee/train1.png").write_bytes(b"GIF89a")
    with pytest.raises(DataError, match=r"train1\.png cannot be decoded \(neither JPEG nor PNG"):
        identify(source, cache)


def changed_pixel(folder):
    image = builders.random_images(1, (8, 8, 3), seed=99)[0]
    (folder / "train/ant/train0.png").write_bytes(builders.png(image))


def renamed_class(folder):
    for split in ("train", "val"):
        (folder / split / "bee").rename(folder / split / "cow")


def moved_over_the_border_of_the_splits(folder):
    """The lines of all files in order stay the same; one image is tested on, not trained on."""
    (folder / "train/bee/train2.png").rename(folder / "val/bee/train2.png")


@pytest.mark.parametrize(
    "change", [changed_pixel, renamed_class, moved_over_the_border_of_the_splits]
)
def test_every_change_of_a_folder_changes_its_fingerprint(tmp_path, cache, change):
    before = identify(image_folder(tmp_path / "a"), cache).fingerprint
    change(tmp_path / "a")
    assert identify(find_source("folder", tmp_path / "a"), cache).fingerprint != before


def test_the_same_images_elsewhere_have_the_same_fingerprint(tmp_path, cache):
    found = [identify(image_folder(tmp_path / place), cache) for place in ("a", "b/c")]
    assert found[0].fingerprint == found[1].fingerprint


@pytest.mark.parametrize("shape", [[3, 8], [3, 8, "8"], "abc", 5])
def test_a_kept_answer_with_another_kind_of_shape_is_looked_past(tmp_path, cache, shape):
    first = identify(image_folder(tmp_path / "a"), cache)
    (kept,) = (cache / "identities").glob("*.json")
    kept.write_text(json.dumps(json.loads(kept.read_text()) | {"image_shape": shape}))
    assert identify(find_source("folder", tmp_path / "a"), cache) == first
