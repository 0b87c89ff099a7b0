import dataclasses
import os
import shutil

import pytest

from tests.data.builders import write_parquet
from tests.data.photographs import CLASSES, photograph, write_imagenet
from ttq_bench.data import identity
from ttq_bench.data.catalog import DATASETS, describe_dataset
from ttq_bench.data.identity import identify
from ttq_bench.data.sources import find_source
from ttq_bench.data.streaming import imagenet
from ttq_bench.data.streaming.imagenet import imagenet_folders
from ttq_bench.errors import DataError


def identity_of(folder, cache):
    return identify(find_source("imagenet", folder), cache)


def test_a_part_of_imagenet_bears_the_number_of_its_classes_and_its_own_counts(tmp_path):
    found = identity_of(write_imagenet(tmp_path / "images"), tmp_path)
    assert found.name == "imagenet-3classes"
    assert (found.train_count, found.test_count, found.classes) == (12, 6, 3)
    assert (found.image_shape, found.validation_count) == ((3, 224, 224), 1)
    assert describe_dataset(found.name) == (
        "imagenet with 3 classes: shows that the suite runs, not a result of the paper"
    )


def test_all_classes_with_all_images_bear_the_plain_name_and_any_less_is_a_subset(
    tmp_path, monkeypatch
):
    folder = write_imagenet(tmp_path / "images")
    card = DATASETS["imagenet"]
    monkeypatch.setattr(imagenet, "CLASS_LIST_SHA256", imagenet.class_list_sha256(CLASSES))
    small = {"imagenet": dataclasses.replace(card, classes=3, train_count=12, test_count=6)}
    for module in (imagenet, identity):
        monkeypatch.setattr(module, "DATASETS", {**DATASETS, **small})
    whole = identity_of(folder, tmp_path)
    assert (whole.name, whole.in_table) == ("imagenet", True)
    (folder / "train" / CLASSES[0] / f"{CLASSES[0]}_0.JPEG").unlink()
    part = identity_of(folder, tmp_path)
    assert (part.name, part.in_table) == ("imagenet-subset", False)


def test_the_fingerprint_changes_with_a_name_a_size_and_a_class_and_not_with_the_place(tmp_path):
    folder = write_imagenet(tmp_path / "a")
    first = identity_of(folder, tmp_path / "cache").fingerprint
    shutil.copytree(folder, tmp_path / "b")
    assert identity_of(tmp_path / "b", tmp_path / "cache").fingerprint == first
    image = folder / "train" / CLASSES[0] / f"{CLASSES[0]}_0.JPEG"
    image.rename(image.with_stem("other"))
    renamed = identity_of(folder, tmp_path / "cache").fingerprint
    image.with_stem("other").write_bytes(photograph(99, (70, 50)))
    os.utime(image.parent)
    assert len({first, renamed, identity_of(folder, tmp_path / "cache").fingerprint}) == 3


def flat_val(folder):
    shutil.rmtree(folder / "val")
    (folder / "val").mkdir()
    (folder / "val" / "ILSVRC2012_val_00000001.JPEG").write_bytes(photograph(0))


def only(*parts):
    return lambda folder: shutil.rmtree(folder.joinpath(*parts))


def packed(folder):
    shutil.rmtree(folder / "train")
    (folder / "ILSVRC2012_img_train.tar").write_bytes(b"")


def emptied(folder):
    for file in (folder / "train" / CLASSES[1]).iterdir():
        file.unlink()


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (only("train"), "train/ has no such folder"),
        (only("val"), "val/ has no such folder"),
        (packed, "train/ has no such folder; unpack ILSVRC2012_img_train.tar"),
        (flat_val, r"val/ holds ILSVRC2012_val_00000001.JPEG .* without their classes, .* devkit"),
        (
            only("val", CLASSES[2]),
            f"1 are in one of them alone, for example {CLASSES[2]} in train/",
        ),
        (only("train", CLASSES[0]), f"for example {CLASSES[0]} in val/"),
        (lambda f: (f / "train" / "birds").mkdir(), "'birds' is the name of no class"),
        (emptied, f"{CLASSES[1]}: has no images"),
    ],
)
def test_a_folder_that_lacks_something_says_what(tmp_path, harm, told):
    folder = write_imagenet(tmp_path / "images")
    harm(folder)
    with pytest.raises(DataError, match=told) as caught:
        identity_of(folder, tmp_path)
    assert "\n" not in str(caught.value)


def test_class_folders_of_another_dataset_are_not_taken_for_imagenet(tmp_path):
    for split in ("train", "val"):
        (tmp_path / split / "0").mkdir(parents=True)
    with pytest.raises(DataError, match=r"no imagenet found .*n01440764.* cannot be downloaded"):
        find_source("imagenet", tmp_path)


def shards(folder, labels=(0, 1, 2) * 4):
    contents = [photograph(number) for number in range(len(labels))]
    write_parquet(folder / "train-00000-of-00001.parquet", contents, labels, "image", group=5)
    write_parquet(folder / "validation-00000-of-00001.parquet", contents[:3], labels[:3], "image")
    return folder


def test_parquet_files_are_named_so_and_known_by_name_size_and_footer(tmp_path):
    found = identity_of(shards(tmp_path / "a"), tmp_path)
    assert found.name == "imagenet-parquet-3classes"
    assert (found.train_count, found.test_count, found.classes) == (12, 3, 3)
    other = identity_of(shards(tmp_path / "b", labels=(0, 2, 1) * 4), tmp_path)
    assert other.fingerprint != found.fingerprint


@pytest.mark.parametrize("label", [-1, 1000, 10**12])
def test_a_label_that_no_class_of_imagenet_has_is_refused(tmp_path, label):
    with pytest.raises(DataError, match=r"labels run from .*; imagenet has 0 to 999"):
        identity_of(shards(tmp_path / "a", labels=(0, 1, 2, label)), tmp_path)


def test_more_images_than_imagenet_has_are_other_images(tmp_path, monkeypatch):
    card = DATASETS["imagenet"]
    fewer = dataclasses.replace(card, train_count=11, test_count=6)
    monkeypatch.setattr(imagenet, "DATASETS", {"imagenet": fewer})
    with pytest.raises(DataError, match="12 training and 6 test images were found, it has 11 and"):
        identity_of(write_imagenet(tmp_path / "images"), tmp_path)


def test_hidden_folders_are_no_classes_and_the_second_split_may_be_called_valid(tmp_path):
    for split in ("train", "valid"):
        for name in ("n01440764", "n01443537", ".ipynb_checkpoints", "__MACOSX"):
            (tmp_path / split / name).mkdir(parents=True)
    train, test = imagenet_folders(tmp_path)
    assert [path.name for path in train] == ["n01440764", "n01443537"]
    assert {path.parent.name for path in test} == {"valid"}
