import pytest
import torch

from tests.data.builders import write_parquet
from tests.data.photographs import CLASSES, photograph, write_imagenet
from ttq_bench.data.identity import identify
from ttq_bench.data.sources import find_source
from ttq_bench.data.streaming.batches import StreamedBatches, list_images
from ttq_bench.data.streaming.image_files import FolderFiles, ShardFiles
from ttq_bench.errors import DataError

PER_CLASS, HELD_OUT = 7, 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_imagenet(tmp_path_factory.mktemp("imagenet"), PER_CLASS, 2)


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """Shards whose labels count the images, in two files of row groups of four."""
    place = tmp_path_factory.mktemp("shards")
    for number in range(2):
        rows = range(number * 10, number * 10 + 10)
        path = place / f"train-0000{number}-of-00002.parquet"
        write_parquet(path, [photograph(row) for row in rows], rows, "image", group=4)
    write_parquet(place / "validation-00000-of-00001.parquet", [photograph(50)], [0], "image")
    return place


def listed(place):
    source = find_source("imagenet", place)
    return list_images(source, identify(source, place / "cache"))


def batches(images, *, seed=0, augmentation="resized_crop_flip", batch_size=4, workers=0):
    return StreamedBatches(
        images, seed=seed, batch_size=batch_size, validation_count=HELD_OUT,
        augmentation=augmentation, device=torch.device("cpu"), workers=workers,
    )  # fmt: skip


def test_draws_are_bytes_of_one_shape_with_the_labels_of_their_folders(folder):
    trial = batches(listed(folder))
    draws = list(trial.draws(0))
    assert len(draws) == trial.steps_per_epoch == (3 * PER_CLASS - HELD_OUT) // 4
    for images, labels in draws:
        assert (images.shape, images.dtype) == ((4, 224, 224, 3), torch.uint8)
        assert (labels.shape, labels.dtype) == ((4,), torch.int64)
        assert set(labels.tolist()) <= {0, 1, 2}
    pixels, same = trial.batch(images, labels)
    assert same is labels
    red = (images[0, 9, 7, 0] / 255 - 0.485) / 0.229
    assert pixels[0, 0, 9, 7] == pytest.approx(float(red), rel=1e-5)


@pytest.mark.parametrize("augmentation", ["resized_crop_flip", "scaled_crop_flip", "none"])
def test_the_number_of_processes_changes_no_pixel(folder, augmentation):
    images = listed(folder)
    here, there = (batches(images, augmentation=augmentation, workers=n) for n in (0, 2))
    for one, other in zip(here.draws(3), there.draws(3), strict=True):
        assert all(map(torch.equal, one, other))
    for one, other in zip(here.held_out("test", 4), there.held_out("test", 4), strict=True):
        assert all(map(torch.equal, one, other))


def test_an_epoch_depends_on_nothing_that_ran_before_and_not_on_torchs_stream(folder):
    images = listed(folder)
    fresh, used = batches(images), batches(images)
    list(used.draws(0))
    torch.manual_seed(5)
    state = torch.random.get_rng_state()
    again = list(used.draws(1))
    assert torch.random.get_rng_state().equal(state)
    for one, other in zip(fresh.draws(1), again, strict=True):
        assert all(map(torch.equal, one, other))
    assert not torch.equal(next(fresh.draws(0))[0], next(fresh.draws(1))[0])
    assert not torch.equal(next(fresh.draws(0))[0], next(batches(images, seed=1).draws(0))[0])


def test_validation_images_are_never_trained_on_and_are_the_same_for_every_seed(shards):
    images = listed(shards)
    held_out = {
        seed: [int(label) for _, labels in batches(images, seed=seed).held_out("validation", 2)
               for label in labels]
        for seed in (0, 1)
    }  # fmt: skip
    trained = {int(x) for e in range(6) for _, labels in batches(images).draws(e) for x in labels}
    assert held_out[0] == held_out[1]
    assert len(held_out[0]) == HELD_OUT
    assert trained == set(range(20)) - set(held_out[0])


def test_files_and_rows_are_read_as_they_were_written(folder, shards):
    files = FolderFiles([folder / "train" / name for name in CLASSES])
    assert len(files) == 3 * PER_CLASS
    assert files.labels.tolist() == [n for n in range(3) for _ in range(PER_CLASS)]
    assert files.where(PER_CLASS).endswith(f"{CLASSES[1]}/{CLASSES[1]}_0.JPEG")
    rows = ShardFiles(sorted(shards.glob("train*")))
    assert [rows.read(row) for row in (19, 0, 11)] == [photograph(n) for n in (19, 0, 11)]
    assert rows.where(11).endswith("train-00001-of-00002.parquet: row group 0")
    assert rows.where(18).endswith("train-00001-of-00002.parquet: row group 2")


@pytest.mark.parametrize("kind", ["folder", "shards"])
def test_a_shuffle_is_a_permutation_that_its_generator_decides(kind, request, monkeypatch):
    monkeypatch.setattr("ttq_bench.data.streaming.image_files.WINDOW_ROWS", 8)
    files = listed(request.getfixturevalue(kind)).train
    rows = torch.arange(len(files))[1:]
    orders = [files.shuffled(rows, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    assert orders[0].equal(orders[1])
    assert not orders[0].equal(orders[2])
    assert sorted(orders[0].tolist()) == rows.tolist()


def test_a_shuffle_of_shards_goes_on_to_other_row_groups_after_a_window(shards, monkeypatch):
    monkeypatch.setattr("ttq_bench.data.streaming.image_files.WINDOW_ROWS", 8)  # two groups of four
    files = listed(shards).train
    order = files.shuffled(torch.arange(20), torch.Generator().manual_seed(0)).tolist()
    owners = [files.where(row) for row in order]
    seen = [owners.index(owner) for owner in dict.fromkeys(owners)]
    last = {owner: place for place, owner in enumerate(owners)}
    # Six groups (4, 4, 2 rows of each file) in three windows of two: none begins before both of the
    # window before have ended, and the two of a window are mixed.
    groups = list(dict.fromkeys(owners))
    for first in (2, 4):
        assert max(last[group] for group in groups[:first]) < seen[first]
    assert any(seen[i + 1] < last[groups[i]] for i in (0, 2, 4))


@pytest.mark.parametrize("workers", [0, 1])
def test_an_image_that_cannot_be_decoded_is_named_in_one_sentence(tmp_path, workers):
    place = write_imagenet(tmp_path / "images", PER_CLASS, 2)
    images = listed(place)
    for file in (place / "train").glob("*/*"):
        file.write_bytes(b"damaged")
    with pytest.raises(DataError, match=r"_\d.JPEG cannot be decoded \(neither") as caught:
        list(batches(images, workers=workers).draws(0))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_gone_is_named(tmp_path):
    place = write_imagenet(tmp_path / "images")
    images = listed(place)
    (place / "train" / CLASSES[0] / f"{CLASSES[0]}_0.JPEG").unlink()
    with pytest.raises(DataError, match=r"_0.JPEG: cannot be read \(No such file"):
        images.train.read(0)


def test_images_that_came_since_the_plan_was_made_are_refused(tmp_path):
    place = write_imagenet(tmp_path / "images")
    source = find_source("imagenet", place)
    identity = identify(source, tmp_path)
    (place / "train" / CLASSES[0] / "more.JPEG").write_bytes(photograph(1))
    with pytest.raises(DataError, match="images came or went"):
        list_images(source, identity)


def test_too_few_images_to_hold_any_out_are_refused(folder):
    with pytest.raises(DataError, match=r"imagenet-3classes: 21 training images are too few: 21"):
        StreamedBatches(
            listed(folder), seed=0, batch_size=4, validation_count=21, augmentation="none",
            device=torch.device("cpu"), workers=0,
        )  # fmt: skip
