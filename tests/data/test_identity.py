import dataclasses
import json
import os

import pytest

from tests.data import builders
from ttq_bench.data.catalog import DATASETS
from ttq_bench.data.identity import cache_folder, identify
from ttq_bench.data.published import FASHION_MNIST, Archive, PublishedFile
from ttq_bench.data.sources import Source, find_source
from ttq_bench.errors import DataError
from ttq_bench.files import file_digest

CARD = DATASETS["cifar10"]
PNG = builders.png(builders.random_images(1)[0])
# A frame header of 32x32 pixels; what follows it is not looked at.
JPEG = b"\xff\xd8\xff\xc0\x00\x0b\x08\x00\x20\x00\x20\x01\x01\x11\x00"
WRONG = "0" * 32


def parquet_source(folder, content=PNG, train=3, test=2):
    for split, count in (("train", train), ("test", test)):
        labels = [row % 10 for row in range(count)]
        builders.write_parquet(folder / f"{split}.parquet", [content] * count, labels)
    return find_source("cifar10", folder)


def archive_source(path, md5=None, content=b"an archive"):
    path.write_bytes(content)
    file = PublishedFile(path.name, md5 or file_digest(path, "md5"), 99_999, ())
    archive = Archive("cifar-binary", (file,))
    return Source("cifar10", "archive", (path,), (), archive)


def test_whole_sets_of_other_numbers_of_classes_are_refused(tmp_path, monkeypatch, cache):
    small = dataclasses.replace(DATASETS["cifar100"], train_count=3, test_count=2)
    monkeypatch.setattr("ttq_bench.data.identity.DATASETS", DATASETS | {"cifar100": small})
    parquet_source(tmp_path)

    with pytest.raises(DataError, match="images of 3 classes, cifar100 has 100: these are other"):
        identify(find_source("cifar100", tmp_path), cache)


def test_parts_of_a_set_may_lack_classes_and_not_have_more(tmp_path, cache):
    assert identify(parquet_source(tmp_path / "fewer"), cache).name == "cifar10-png-subset"
    folder = tmp_path / "more"
    source = parquet_source(folder)
    builders.write_parquet(folder / "train.parquet", [PNG] * 3, [3, 10, 0])

    with pytest.raises(DataError, match="images of 11 classes, cifar10 has 10"):
        identify(source, cache)


def test_a_verified_archive_bears_the_plain_name(tmp_path, cache):
    identity = identify(archive_source(tmp_path / "a.tar.gz"), cache)
    assert identity.name == "cifar10"
    assert (identity.train_count, identity.test_count) == (50_000, 10_000)


def test_a_wrong_archive_is_refused_each_time_with_both_hashes_and_sizes(tmp_path, cache):
    source = archive_source(tmp_path / "a.tar.gz", md5=WRONG)
    given = file_digest(source.train[0], "md5")
    said = rf"a\.tar\.gz: md5 is {given}, .* {WRONG} \(10 of 99,999"
    for _ in range(2):
        with pytest.raises(DataError, match=said):
            identify(source, cache)


def test_a_verified_archive_that_changes_is_refused(tmp_path, cache):
    source = archive_source(tmp_path / "a.tar.gz")
    identify(source, cache)
    source.train[0].write_bytes(b"other bytes")
    with pytest.raises(DataError, match="md5 is"):
        identify(source, cache)


def test_all_published_archives_and_a_missing_one_share_one_fingerprint(tmp_path, cache):
    found = set()
    for archive in CARD.archives:
        path = tmp_path / archive.files[0].file_name
        found.add(identify(Source("cifar10", "archive", (path,), (), archive), cache))
    assert len(found) == 1
    assert found.pop().fingerprint == f"md5:{CARD.archives[-1].files[0].md5}"


@pytest.fixture
def fifty_images(monkeypatch):
    """Let all of CIFAR-10 be 30 training and 20 test images."""
    card = dataclasses.replace(CARD, train_count=30, test_count=20)
    monkeypatch.setattr("ttq_bench.data.identity.DATASETS", DATASETS | {"cifar10": card})


@pytest.mark.usefixtures("fifty_images")
@pytest.mark.parametrize(("content", "encoding"), [(PNG, "png"), (JPEG, "jpeg")])
@pytest.mark.parametrize("counts", [(30, 20), (29, 20), (30, 19)])
def test_images_are_named_by_their_encoding_and_as_a_subset_where_one_is_missing(
    tmp_path, cache, content, encoding, counts
):
    identity = identify(parquet_source(tmp_path, content, *counts), cache)
    assert identity.name == f"cifar10-{encoding}" + ("" if counts == (30, 20) else "-subset")
    assert (identity.train_count, identity.test_count) == counts


def test_class_folders_are_named_like_parquet(tmp_path, cache):
    for split in ("train", "test"):
        builders.write_class_folders(tmp_path / split, builders.random_images(2), [3, 4])
    identity = identify(find_source("cifar10", tmp_path), cache)
    assert identity.name == "cifar10-png-subset"
    assert (identity.train_count, identity.test_count) == (2, 2)


def test_a_renamed_class_folder_changes_the_fingerprint(tmp_path, cache):
    for split in ("train", "test"):
        builders.write_class_folders(tmp_path / split, builders.random_images(2), [3, 4])
    before = identify(find_source("cifar10", tmp_path), cache).fingerprint
    for split in ("train", "test"):
        for old, new in (("3", "x"), ("4", "3"), ("x", "4")):
            (tmp_path / split / old).rename(tmp_path / split / new)
    assert identify(find_source("cifar10", tmp_path), cache).fingerprint != before


def test_images_that_are_neither_jpeg_nor_png_are_refused(tmp_path, cache):
    with pytest.raises(DataError, match=r"train\.parquet: images are neither JPEG nor PNG"):
        identify(parquet_source(tmp_path, b"GIF89a"), cache)


@pytest.mark.parametrize(
    ("train", "test", "word"), [(0, 2, "no images found|no training"), (2, 0, "no test")]
)
def test_a_split_without_images_is_refused(tmp_path, cache, train, test, word):
    for split, count in (("train", train), ("test", test)):
        builders.write_class_folders(
            tmp_path / split, builders.random_images(count), list(range(count))
        )
    with pytest.raises(DataError, match=word):
        identify(find_source("cifar10", tmp_path), cache)


def test_a_cached_identity_is_used_and_a_changed_file_makes_a_new_one(tmp_path, cache):
    source = parquet_source(tmp_path)
    first = identify(source, cache)
    (kept,) = (cache / "identities").glob("*.json")
    answer = json.loads(kept.read_text())
    kept.write_text(json.dumps(answer | {"name": "from-the-cache"}))
    assert identify(source, cache).name == "from-the-cache"
    changed = identify(parquet_source(tmp_path, train=4), cache)
    assert changed.name == first.name
    assert (changed.train_count, changed.fingerprint == first.fingerprint) == (4, False)


def test_a_kept_card_does_not_outlive_the_card_of_the_table(tmp_path, monkeypatch, cache):
    source = parquet_source(tmp_path)
    assert identify(source, cache).validation_count == CARD.validation_count
    changed = dataclasses.replace(CARD, validation_count=7)
    monkeypatch.setattr("ttq_bench.data.identity.DATASETS", DATASETS | {"cifar10": changed})
    assert identify(source, cache).validation_count == 7


def test_a_newer_time_of_change_alone_gives_the_same_fingerprint(tmp_path, cache):
    source = parquet_source(tmp_path)
    first = identify(source, cache)
    os.utime(source.train[0], ns=(1, 1))
    assert identify(source, cache) == first
    assert len(list((cache / "identities").glob("*.json"))) == 2


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"name": "cifar10"}'])
def test_a_damaged_cache_is_looked_past(tmp_path, cache, damage):
    source = parquet_source(tmp_path)
    first = identify(source, cache)
    (kept,) = (cache / "identities").glob("*.json")
    kept.write_text(damage)
    assert identify(source, cache) == first


def test_a_cache_that_cannot_be_written_does_not_matter(tmp_path, cache):
    (cache / "identities").write_text("a file where a folder should be")
    assert identify(parquet_source(tmp_path), cache).name == "cifar10-png-subset"


def test_bundled_digits_are_known_by_the_hash_of_their_file(cache):
    identity = identify(Source("digits", "bundled", (), ()), cache)
    assert identity.name == "digits"
    assert len(identity.fingerprint) == len("sha256:") + 64


def test_cache_folder_follows_the_environment(cache, monkeypatch, tmp_path):
    assert cache_folder() == cache
    monkeypatch.setenv("TTQ_BENCH_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "ttq-bench"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder() == tmp_path / "home/.cache/ttq-bench"


def test_images_of_another_size_are_another_dataset(tmp_path):
    digit = builders.png(builders.random_images(1, (28, 28, 3))[0])
    source = parquet_source(tmp_path, digit)
    with pytest.raises(DataError, match=r"28x28 pixels, cifar10 has 32x32: these are other"):
        identify(source, tmp_path / "cache")


def test_more_images_than_the_dataset_has_are_another_dataset(tmp_path):
    source = parquet_source(tmp_path, test=CARD.test_count + 1)
    with pytest.raises(DataError, match=r"3 training and 10,001 test images, cifar10 has 50,000"):
        identify(source, tmp_path / "cache")


def test_of_several_published_files_each_is_verified(tmp_path, cache):
    paths = tuple(tmp_path / name for name in ("a", "b"))
    for path in paths:
        path.write_bytes(path.name.encode())
    files = tuple(PublishedFile(p.name, file_digest(p, "md5"), 1, ()) for p in paths)
    source = Source("fashion_mnist", "archive", paths, (), Archive("idx", files))
    assert identify(source, cache).name == "fashion_mnist"
    paths[1].write_bytes(b"other bytes")
    with pytest.raises(DataError, match=r"b: md5 is .* \(11 of 1 bytes\)"):
        identify(source, cache)


def test_several_published_files_have_one_fingerprint_that_none_has_alone(tmp_path, cache):
    fingerprint = identify(find_source("fashion_mnist", tmp_path), cache).fingerprint
    assert len(fingerprint) == len("sha256:") + 64
    assert fingerprint not in {f"md5:{file.md5}" for file in FASHION_MNIST.files}
