"""Every pinned file against torchvision's own list of the same files."""

import re

import pytest
from torchvision import datasets

from ttq_bench.data.catalog import DATASETS
from ttq_bench.data.formats.archives import READERS
from ttq_bench.data.published import (
    CIFAR10_PICKLES,
    CIFAR100_PICKLES,
    FASHION_MNIST,
    SVHN,
)

ARCHIVES = [archive for card in DATASETS.values() for archive in card.archives]
IN_PLACE = {name: card.read_in_place for name, card in DATASETS.items() if card.read_in_place}
UNPACKED = [IN_PLACE["cifar10"], IN_PLACE["cifar100"]]
FILES = [file for archive in ARCHIVES for file in archive.files]


def pinned(archive):
    return [(file.file_name, file.md5) for file in archive.files]


@pytest.mark.parametrize(
    ("archive", "theirs"),
    [(CIFAR10_PICKLES, datasets.CIFAR10), (CIFAR100_PICKLES, datasets.CIFAR100)],
)
def test_cifar_has_the_file_and_hash_of_torchvision(archive, theirs):
    assert pinned(archive) == [(theirs.filename, theirs.tgz_md5)]


def test_fashion_mnist_has_the_files_and_hashes_of_torchvision_in_its_order():
    assert pinned(FASHION_MNIST) == datasets.FashionMNIST.resources


def test_svhn_has_the_files_and_hashes_of_torchvision():
    theirs = datasets.SVHN.split_list
    assert pinned(SVHN) == [tuple(theirs[split][1:]) for split in ("train", "test")]


@pytest.mark.parametrize("archive", ARCHIVES, ids=lambda archive: archive.files[0].file_name)
def test_every_archive_has_a_reader_and_a_folder_where_names_are_not_its_own(archive):
    assert archive.layout in READERS
    names = {file.file_name for file in archive.files}
    mnist = {name for name, _ in datasets.MNIST.resources}
    assert bool(archive.folder) == bool(names & mnist)
    assert archive.folder in ("", *DATASETS)


def test_every_reader_reads_something():
    assert {archive.layout for archive in (*ARCHIVES, *IN_PLACE.values())} == set(READERS)


def test_files_that_are_read_where_they_lie_have_the_names_and_hashes_of_torchvision():
    theirs = [datasets.CIFAR10, datasets.CIFAR100]
    for archive, other in zip(UNPACKED, theirs, strict=True):
        assert pinned(archive) == [tuple(pair) for pair in (*other.train_list, *other.test_list)]
        assert archive.folder == other.base_folder
    assert pinned(IN_PLACE["mnist"]) == datasets.MNIST.resources
    assert IN_PLACE["fashion_mnist"] == FASHION_MNIST


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.file_name)
def test_every_file_has_a_hash_a_size_and_several_places(file):
    assert re.fullmatch("[0-9a-f]{32}", file.md5)
    assert file.size_bytes > 0
    assert len({url.split("/")[2] for url in file.mirrors}) > 1
    assert all(url.endswith("/" + file.file_name) for url in file.mirrors)


def test_no_two_files_share_a_hash_and_only_folders_share_names():
    assert len({file.md5 for file in FILES}) == len(FILES)
    assert len({file.file_name for file in FILES}) == len(FILES)
