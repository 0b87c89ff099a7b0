import pytest

from tests.data.builders import touch
from ttq_bench.data.formats.class_folders import (
    class_folder_files,
    find_class_folders,
    image_folder,
)
from ttq_bench.errors import DataError


def test_a_folder_without_class_folders_has_none(tmp_path):
    touch(tmp_path, "train/1.png", "notes.txt")
    assert find_class_folders(tmp_path) is None


@pytest.mark.parametrize("second", ["test", "val", "validation"])
def test_both_splits_have_their_classes_in_the_order_of_their_names(tmp_path, second):
    touch(tmp_path, *(f"{s}/{c}/1.JPEG" for s in ("train", second) for c in ("dog", "cat", "ant")))
    train, test = image_folder(tmp_path)
    assert [path.name for path in train] == [path.name for path in test] == ["ant", "cat", "dog"]
    assert test[0].parent.name == second


WRONG = {
    "nothing": ([], r"has neither train/CLASS/ nor test/CLASS/ \(or val/CLASS/\); put a folder"),
    "images without classes": (["train/1.png", "test/1.png"], "has neither train/CLASS/"),
    "one split": (["train/a/1.png", "train/b/1.png"], "test/CLASS/ is missing"),
    "the other split": (["val/a/1.png", "val/b/1.png"], "train/CLASS/ is missing"),
    "another class": (
        ["train/a/1.png", "train/b/1.png", "val/a/1.png", "val/c/1.png"],
        r"train/ and val/ do not hold the same class folders \(2 in one .* example 'b'\)",
    ),
    "one class": (["train/a/1.png", "test/a/1.png"], "one class folder, there is nothing to tell"),
    "an empty class": (
        ["train/a/1.png", "train/b/1.png", "test/a/1.png", "test/b/notes.txt"],
        r"test/b: has no images \(\.png, \.jpg, \.jpeg\)",
    ),
    "images one folder deeper": (
        [f"{s}/{c}/images/1.png" for s in ("train", "test") for c in "ab"],
        "train/a: has no images",
    ),
    "classes without a split": (["cat/1.png", "cat/2.png", "dog/1.jpg"],
        r"; cat/ \(2 \.png\), dog/ \(1 \.jpg\) lie there$"),
    "one folder deeper": ([f"leaves/{s}/{c}/1.png" for s in ("train", "test") for c in "ab"],
        r"name folder:\S+/leaves, which has such folders; leaves/ \(2 folders\) lies there$"),
    "an archive": (["leaves.zip"], r"; leaves\.zip lies there$"),
    "another name of a split": (["train_set/a/1.png"], r"; train_set/ \(1 folder\) lies there$"),
    "a table of labels": (["train/1.png", "train/2.png", "trainLabels.csv"],
        r"; train/ \(2 \.png\), trainLabels\.csv lie there$"),
    "many": ([f"{name}.tar" for name in "abcdef"], r"; a\.tar, .*, d\.tar and 2 more lie there$"),
    "a hidden file": (["train/.keep"], r"; train/ \(empty\) lies there$"),
    "another second split": (["train/a/1.png", "train/b/1.png", "test_set/a/1.png"],
        r"test/CLASS/ is missing .* rename what holds it: test_set/ \(1 folder\) lies there$"),
    "images of other formats": ([f"{s}/{c}/{n}.webp" for s in ("train", "test") for c in "ab"
        for n in range(3)], r"train/a: has no images \(.*\); it holds 3 \.webp$"),
    "a folder between": ([f"{s}/images/{c}/1.png" for s in ("train", "test") for c in "abc"],
        r"train/ has one class folder, .*; in train/, images/ \(3 folders\) lies there$"),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(WRONG))
def test_a_folder_of_another_form_is_refused_in_one_sentence_that_names_what_lies_there(
    tmp_path, case
):
    files, said = WRONG[case]
    touch(tmp_path, *files)
    with pytest.raises(DataError, match=said) as caught:
        image_folder(tmp_path)
    assert str(caught.value).startswith(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"none: no such folder; folder:PATH is one with train/"):
        image_folder(tmp_path / "none")


def test_only_image_files_of_a_class_folder_count_in_the_order_of_their_names(tmp_path):
    touch(tmp_path, "b.PNG", "a.jpg", "c.jpeg", "notes.txt", ".DS_Store")
    assert [path.name for path in class_folder_files(tmp_path)] == ["a.jpg", "b.PNG", "c.jpeg"]


def test_a_file_in_place_of_the_folder_is_called_a_file(tmp_path):
    touch(tmp_path, "leaves.zip")
    with pytest.raises(DataError, match=r"leaves\.zip: is a file; .*; unpack an archive and name"):
        image_folder(tmp_path / "leaves.zip")


def test_a_broken_link_in_place_of_the_folder_or_of_a_split_is_called_so(tmp_path):
    for name in ("link", "train"):
        (tmp_path / name).symlink_to("gone")
    with pytest.raises(DataError, match="link: is a broken link"):
        image_folder(tmp_path / "link")
    with pytest.raises(DataError, match=r"train \(a broken link\) lie there"):
        image_folder(tmp_path)


OF_SYSTEMS = ("#snapshot", "#recycle", "@tmp", "@Recycle", "@Recently-Snapshot", "@eaDir",
    "__pycache__", "~snapshot", "Network Trash Folder", "Temporary Items",
    "$RECYCLE.BIN")  # fmt: skip


@pytest.mark.parametrize("name", OF_SYSTEMS)
def test_folders_that_systems_write_are_no_classes(tmp_path, name):
    touch(tmp_path, *(f"{s}/{c}/1.png" for s in ("train", "test") for c in ("a", "@home", name)))
    assert [path.name for path in image_folder(tmp_path)[0]] == ["@home", "a"]


def test_class_names_that_differ_by_their_unicode_form_are_told_so(tmp_path):
    composed, decomposed = "\u00e9", "e\u0301"
    touch(tmp_path, "train/a/1.png", "test/a/1.png")
    touch(tmp_path, f"train/{composed}/1.png", f"test/{decomposed}/1.png")
    said = (
        r"example .*'\); 'e\\u0301' and '\\xe9' look the same "
        r"but differ by their Unicode form \(NFC and NFD\)"
    )
    with pytest.raises(DataError, match=said):
        image_folder(tmp_path)
