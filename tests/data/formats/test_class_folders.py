import pytest

from ttq_bench.data.formats.class_folders import (
    class_folder_files,
    find_class_folders,
    image_folder,
)
from ttq_bench.errors import DataError


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


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
}


@pytest.mark.parametrize("case", sorted(WRONG))
def test_a_folder_of_another_form_is_refused_in_one_sentence_that_names_what_is_missing(
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
