"""Images as they lie on people's disks are found, or named with the reason why they are not."""

import hashlib
import os
import re
import shutil
from dataclasses import replace

import pytest

from tests.data import builders
from ttq_bench.cli import main
from ttq_bench.data.catalog import DATASETS
from ttq_bench.data.identity import identify
from ttq_bench.data.prepared import load_images
from ttq_bench.data.published import CIFAR10_FILES, MNIST, Archive, PublishedFile
from ttq_bench.data.sources import find_source, look_for
from ttq_bench.errors import DataError

SHA = "0b2714987fa478483af9968de7c934580d0bb9a2"


def write_split(place, name, labels, shape=(32, 32, 3)):
    images = builders.random_images(len(labels), shape)
    builders.write_parquet(place / f"{name}.parquet", map(builders.png, images), labels)


def write_hub(place, shape=(32, 32, 3), test="test-00000-of-00001"):
    write_split(place, "train-00000-of-00001", range(10), shape)
    write_split(place, test, range(10), shape)


@pytest.mark.parametrize(
    "place",
    [
        "plain_text", "data", "default", "cifar10/plain_text", "uoft-cs/cifar10/plain_text",
        "CIFAR-10/data", f"snapshots/{SHA}/plain_text", f"snapshots/{SHA}", f"{SHA}/plain_text",
        f"datasets--uoft-cs--cifar10/snapshots/{SHA}/plain_text",
        f"hub/datasets--uoft-cs--cifar10/snapshots/{SHA}/plain_text",
        f"huggingface/hub/datasets--cifar10/snapshots/{SHA}/data",
    ],
)  # fmt: skip
def test_a_download_of_the_hub_is_found_in_a_folder_of_any_name(tmp_path, cache, place):
    write_hub(tmp_path / "d" / place)
    (tmp_path / "d/README.md").write_text("card")
    source = find_source("cifar10", tmp_path / "d")
    assert (source.kind, source.train[0].parent) == ("parquet", tmp_path / "d" / place)
    assert identify(source, cache).name == "cifar10-png-subset"


def test_the_hub_s_cache_of_links_is_read(tmp_path, cache):
    write_hub(tmp_path / "real")
    repository = tmp_path / "hub/datasets--uoft-cs--cifar10"
    snapshot = repository / "snapshots" / SHA / "plain_text"
    snapshot.mkdir(parents=True)
    (repository / "blobs").mkdir()
    for file in (tmp_path / "real").iterdir():
        blob = repository / "blobs" / hashlib.sha256(file.name.encode()).hexdigest()
        shutil.move(file, blob)
        (snapshot / file.name).symlink_to(f"../../../blobs/{blob.name}")
    for place in (tmp_path / "hub", repository, repository / "snapshots", snapshot.parent):
        assert find_source("cifar10", place).train[0].parent == snapshot


@pytest.mark.parametrize("place", ["mnist", "fashion_mnist", "datasets--ylecun--mnist/data"])
def test_images_below_the_name_of_another_dataset_are_not_taken(tmp_path, place):
    write_hub(tmp_path / place)
    assert look_for("cifar10", tmp_path) is None


def test_as_many_images_as_another_dataset_has_are_not_taken_for_a_part_of_this_one(
    tmp_path, monkeypatch
):
    write_hub(tmp_path / "plain_text")
    cards = DATASETS | {"cifar10": replace(DATASETS["cifar10"], train_count=10, test_count=10)}
    monkeypatch.setattr("ttq_bench.data.sources.DATASETS", cards)
    assert look_for("cifar10", tmp_path) is not None
    for name in ("svhn", "imagenet"):
        assert look_for(name, tmp_path) is None


def test_of_two_configurations_the_one_with_labels_is_taken(tmp_path):
    write_hub(tmp_path / "svhn/cropped_digits")
    for name in ("train", "test"):
        builders.write_parquet(
            tmp_path / f"svhn/full_numbers/{name}.parquet", [b"x"], ["a"], label="digits"
        )
    assert find_source("svhn", tmp_path).train[0].parent.name == "cropped_digits"


@pytest.mark.parametrize("name", ["imagenet", "cifar10"])
def test_a_test_split_without_labels_is_passed_over_for_the_labelled_validation_split(
    tmp_path, cache, name
):
    write_hub(tmp_path, test="validation-00000-of-00001")
    write_split(tmp_path, "test-00000-of-00001", [-1] * 10)
    source = find_source(name, tmp_path)
    assert [path.name for path in source.test] == ["validation-00000-of-00001.parquet"]
    assert identify(source, cache).test_count == 10


@pytest.mark.parametrize("column", ["label", "id"])
def test_a_test_split_without_labels_alone_is_refused_by_name(tmp_path, cache, column):
    write_split(tmp_path, "train", range(10))
    images = map(builders.png, builders.random_images(10))
    builders.write_parquet(tmp_path / "test.parquet", images, [-1] * 10, label=column)
    with pytest.raises(DataError, match=r"test\.parquet: (labels run from -1|columns are img, id)"):
        identify(find_source("cifar10", tmp_path), cache)


@pytest.mark.parametrize(
    ("shard", "copy"),
    [
        ("train", "train (1)"), ("test", "test (1)"), ("validation", "validation_copy"),
        ("train-00000-of-00001", "train-00000-of-00001 (1)"),
        ("train-00000-of-00001", "train-00000-of-00001.sync-conflict-20260101-101010-ABCDEFG"),
    ],
)  # fmt: skip
def test_a_copy_beside_a_shard_is_refused_by_name(tmp_path, shard, copy):
    other = "test" if shard.startswith("train") else "train"
    builders.touch(tmp_path, *(f"{name}.parquet" for name in (shard, copy, other)))
    with pytest.raises(DataError, match=r"lies beside .*; keep one of the two"):
        find_source("cifar10", tmp_path)


SHARDS = (
    ((1, 2), 3, r"train-00000-of-00003\.parquet is missing \(1 of 3 shards are\)"),
    ((0, 2), 3, r"train-00001-of-00003\.parquet is missing \(1 of 3 shards are\)"),
    ((0,), 3, r"train-00001-of-00003\.parquet is missing \(2 of 3 shards are\)"),
)


@pytest.mark.parametrize(("numbers", "total", "said"), SHARDS)
def test_a_missing_shard_is_told_by_name(tmp_path, capsys, numbers, total, said):
    shards = (f"train-{n:05}-of-{total:05}.parquet" for n in numbers)
    builders.touch(tmp_path, *shards, "test.parquet")
    with pytest.raises(DataError, match=said):
        find_source("cifar10", tmp_path)
    assert main(["data", "show", "cifar10", "--data-dir", str(tmp_path)]) == 5


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["train-00000-of-00002", "train-00001-of-00002", "train-00000-of-00003"],
         "00000-of-00003.parquet: is of another set of shards than train-00000-of-00002.parquet"),
        (["train-00000-of-00001", "training-00000-of-00001"], "of another set of shards"),
        (["train-00000-of-00001-0a", "train-00000-of-00001-0b"], "keep one of the two"),
        (["train-0", "train-2"], "train-1.parquet is missing"),
    ],
)  # fmt: skip
def test_shards_of_two_sets_are_refused_by_name(tmp_path, names, said):
    builders.touch(tmp_path, *(f"{name}.parquet" for name in (*names, "test")))
    with pytest.raises(DataError, match=said):
        find_source("cifar10", tmp_path)


@pytest.mark.parametrize("names", [["train-00001-of-00002", "train-00002-of-00002"],
    ["train-1", "train-2"], ["train-2012", "train-2017"], ["train-0", "train-1"]])  # fmt: skip
def test_whole_sets_of_shards_are_read_however_they_count(tmp_path, names):
    builders.touch(tmp_path, *(f"{name}.parquet" for name in (*names, "test")))
    assert len(find_source("cifar10", tmp_path).train) == 2


def test_a_parquet_link_whose_file_is_gone_is_not_downloaded_over(tmp_path, capsys):
    builders.touch(tmp_path, "test.parquet")
    (tmp_path / "train.parquet").symlink_to("blobs/gone")
    assert main(["data", "show", "cifar10", "--data-dir", str(tmp_path)]) == 5
    assert "train.parquet: is a broken link (No such file" in capsys.readouterr().err


def write_classes(folder, *splits, names="abcdefghij", shape=(32, 32, 3)):
    for number, split in enumerate(splits):
        for name in names:
            (folder / split / name).mkdir(parents=True)
            image = builders.random_images(1, shape, seed=number)[0]
            (folder / split / name / "1.png").write_bytes(builders.png(image))


@pytest.mark.parametrize(("train", "test"), [("train", "valid"), ("training", "testing"),
    ("Train", "Test"), ("TRAIN", "VAL"), ("train", "eval"), ("train", "dev")])  # fmt: skip
def test_splits_are_known_by_all_their_usual_names(tmp_path, cache, train, test):
    write_classes(tmp_path, train, test)
    source = find_source("cifar10", tmp_path)
    assert (source.train[0].parent.name, source.test[0].parent.name) == (train, test)
    assert identify(source, cache).train_count == 10


@pytest.mark.parametrize("place", ["CIFAR10", "cifar10/cifar10", "me/cifar-10/images"])
def test_class_folders_are_found_below_the_dataset_s_name(tmp_path, cache, place):
    write_classes(tmp_path / place, "train", "test")
    assert identify(find_source("cifar10", tmp_path), cache).name == "cifar10-png-subset"


def test_an_unpacked_imagenet_without_its_validation_classes_says_what_to_do(tmp_path):
    place = tmp_path / "ILSVRC/Data/CLS-LOC"
    (place / "train/n01440764").mkdir(parents=True)
    builders.touch(place, "val/ILSVRC2012_val_00000001.JPEG")
    with pytest.raises(DataError, match="without their classes, which are in the devkit"):
        find_source("imagenet", tmp_path)


def test_a_file_as_the_data_folder_is_told(tmp_path):
    (tmp_path / "cifar-10-python.tar.gz").touch()
    with pytest.raises(DataError, match="is a file; name with --data-dir the folder that holds it"):
        find_source("cifar10", tmp_path / "cifar-10-python.tar.gz")


def test_a_test_folder_without_classes_is_passed_over_for_the_labelled_one(tmp_path, cache):
    write_classes(tmp_path, "train", "valid")
    builders.touch(tmp_path, "test/unknown/1.png")
    assert find_source("folder", tmp_path).test[0].parent.name == "valid"


def test_what_systems_leave_is_neither_a_class_nor_an_image(tmp_path, cache):
    write_classes(tmp_path, "train", "test", names="ab")
    source = find_source("folder", tmp_path)
    before = identify(source, cache)
    for split in ("train", "test"):
        for name in (".ipynb_checkpoints", "__MACOSX", "@eaDir", ".Trash-1000"):
            shutil.copytree(tmp_path / split / "a", tmp_path / split / name)
        (tmp_path / split / "a/._1.png").write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X")
        (tmp_path / split / "a/.DS_Store").touch()
    assert find_source("folder", tmp_path) == source
    assert identify(source, cache) == before
    assert load_images(source, before, cache).train_images.shape[0] == 2


def lying(monkeypatch, folder, dataset, contents, layout):
    """Write files and pin their hashes as those of ``dataset``: the real ones are 180 MB."""
    folder.mkdir(parents=True)
    files = []
    for name, content in contents.items():
        (folder / name).write_bytes(content)
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        files.append(PublishedFile(name, md5, 0, ()))
    archive = Archive(layout, tuple(files), folder.name)
    cards = DATASETS | {dataset: replace(DATASETS[dataset], read_in_place=archive)}
    for module in ("sources", "unread"):
        monkeypatch.setattr(f"ttq_bench.data.{module}.DATASETS", cards)


@pytest.mark.parametrize("place", ["cifar-10-batches-py", "cifar10/cifar-10-batches-py"])
def test_unpacked_batches_of_cifar10_are_read_by_their_hashes(tmp_path, cache, monkeypatch, place):
    images, labels = builders.random_images(12), builders.random_labels(12)
    members = builders.pickle_members(images, labels)
    contents = {name.partition("/")[2]: content for name, content in members.items()}
    lying(monkeypatch, tmp_path / place, "cifar10", contents, "cifar-files")
    source = find_source("cifar10", tmp_path)
    identity = identify(source, cache)
    found = load_images(source, identity, cache)
    assert identity.name == "cifar10"
    assert identity == identify(find_source("cifar10", tmp_path / "none"), cache)
    assert (found.train_images.numpy() == images[:10]).all()
    assert (found.test_labels.numpy() == labels[10:]).all()


def test_unpacked_batches_of_other_bytes_are_refused_by_name(tmp_path, cache):
    place = tmp_path / "cifar-10-batches-py"
    place.mkdir()
    for file in CIFAR10_FILES.files:
        (place / file.file_name).write_bytes(b"x")
    with pytest.raises(DataError, match=r"data_batch_1: md5 is .*; delete it and take it from"):
        identify(find_source("cifar10", tmp_path), cache)


@pytest.mark.parametrize("place", ["MNIST/raw", "raw", "mnist", "my things/MNIST/raw"])
def test_the_files_of_torchvision_s_mnist_are_read_by_their_hashes(
    tmp_path, cache, monkeypatch, place
):
    images, labels = builders.random_images(4, (28, 28)), builders.random_labels(4)
    parts = {
        "train-images-idx3-ubyte.gz": images[:3], "train-labels-idx1-ubyte.gz": labels[:3],
        "t10k-images-idx3-ubyte.gz": images[3:], "t10k-labels-idx1-ubyte.gz": labels[3:],
    }  # fmt: skip
    for name, part in parts.items():
        builders.write_idx(tmp_path / name, part)
    contents = {name: (tmp_path / name).read_bytes() for name in parts}
    lying(monkeypatch, tmp_path / "d" / place, "mnist", contents, "idx")
    source = find_source("mnist", tmp_path / "d")
    identity = identify(source, cache)
    assert identity.name == "mnist"
    assert (load_images(source, identity, cache).train_images.numpy()[..., 0] == images[:3]).all()


@pytest.mark.parametrize(("name", "other"), [("MNIST/raw", "fashion_mnist"), ("raw", "mnist")])
def test_files_of_the_same_names_of_another_dataset_are_not_taken(tmp_path, name, other):
    builders.touch(tmp_path, *(f"{name}/{file.file_name}" for file in MNIST.files))
    assert look_for(other, tmp_path) is None


LYING_THERE = (
    ("cifar10", "cifar-10-batches-bin/data_batch_1.bin", "cifar-10-batches-bin/ lies there"),
    ("cifar10", "cifar-10-python.tar", r"cifar-10-python\.tar lies there"),
    ("cifar10", "archive.zip", r"archive\.zip lies there"),
    ("cifar10", "cifar10/images.npz", r"cifar10/images\.npz lies there"),
    ("cifar10", "cifar10/train/airplane.png", "cifar10/train/ lies there"),
    ("cifar100", "cifar-100-python/train", "cifar-100-python/ lies there"),
    ("fashion_mnist", "FashionMNIST/raw/train-images-idx3-ubyte", "FashionMNIST/raw/train-images"),
    ("svhn", "data/train.arrow", r"data/train\.arrow lies there"),
    ("mnist", "mnist.npz", r"mnist\.npz lies there"),
    ("mnist", "birds/train.parquet", "birds/ lies there"),
    ("mnist", "mnist_train.csv", r"mnist_train\.csv lies there"),
    ("mnist", "MNIST/train.csv", r"MNIST/train\.csv lies there"),
    ("fashion_mnist", "fashion-mnist_train.csv", r"fashion-mnist_train\.csv lies there"),
    ("mnist", "train-images-idx3-ubyte.gz", r"idx3-ubyte\.gz \(not the published bytes\) lies"),
    (
        "fashion_mnist",
        "t10k-labels-idx1-ubyte.gz",
        r"ubyte\.gz \(not the published bytes\) lies there",
    ),
    ("imagenet", "train/cat/1.JPEG", "--data-dir; train/ lies there"),
)


@pytest.mark.parametrize(("dataset", "file", "said"), LYING_THERE)
def test_images_that_are_not_read_are_named_and_not_downloaded_over(
    tmp_path, capsys, dataset, file, said
):
    builders.touch(tmp_path, file)
    with pytest.raises(DataError, match=rf"{said}.*, but only Parquet files .* are read"):
        find_source(dataset, tmp_path)
    assert main(["data", "show", dataset, "--data-dir", str(tmp_path)]) == 5


def test_folders_that_are_no_wordnet_ids_are_told_of_imagenet_s(tmp_path):
    (tmp_path / "train/cat").mkdir(parents=True)
    with pytest.raises(
        DataError, match=r"but only .*class folders \(train/n01440764/\*\.JPEG with"
    ):
        find_source("imagenet", tmp_path)


def test_what_lies_in_the_place_of_a_missing_parquet_split_is_named(tmp_path):
    builders.touch(tmp_path, "train.parquet", "test.jsonl")
    with pytest.raises(
        DataError, match=r"missing .*; rename what holds it: test\.jsonl lies there$"
    ):
        find_source("cifar10", tmp_path)


@pytest.mark.parametrize(
    ("dataset", "link"),
    [("cifar10", "cifar10"), ("cifar10", "cifar-10-python.tar.gz"), ("cifar10", "train"),
     ("cifar10", "cifar-10-batches-py"), ("fashion_mnist", "FashionMNIST"), ("mnist", "mnist.npz")],
)  # fmt: skip
def test_a_link_to_images_that_are_gone_is_named_and_not_downloaded_over(tmp_path, dataset, link):
    (tmp_path / link).symlink_to("/nowhere/images")
    with pytest.raises(
        DataError, match=rf"no {dataset} found.*; {link} \(a broken link\) lies there"
    ):
        find_source(dataset, tmp_path)


def test_a_broken_link_beside_a_published_file_is_not_downloaded_over(tmp_path):
    (tmp_path / "train_32x32.mat").touch()
    (tmp_path / "test_32x32.mat").symlink_to("gone")
    with pytest.raises(DataError, match=r"test_32x32\.mat: is a broken link"):
        find_source("svhn", tmp_path)


@pytest.mark.parametrize("file", ["notes.txt", "costs.csv", "mnist_train.csv", "svhn/train.csv",
    "mnist.npz", "cifar-10-python.tar.gz.part",
    "birds/train/a.png", "mnist/train.parquet", ".hidden.zip"])  # fmt: skip
def test_what_cannot_be_the_dataset_does_not_keep_it_from_being_downloaded(tmp_path, file):
    builders.touch(tmp_path, file)
    assert not find_source("cifar10", tmp_path).is_present


def test_what_is_passed_over_beside_images_is_told(tmp_path, capsys):
    place = tmp_path / "d"
    write_classes(place, "train", "test", "val", names="ab")
    builders.touch(place / "train/a", "1.webp", "2.webp", "list.txt", "sub/3.png", "._1.png")
    builders.touch(place, "test/loose.png")
    assert main(["data", "show", f"folder:{place}"]) == 0
    told = capsys.readouterr().out
    assert (
        f"{place}/train/: passed over 2 .webp, 1 .txt, 1 folder; only .png, .jpg"
        in told.replace("1 folder, 1 .txt", "1 .txt, 1 folder")
    )
    assert f"{place}/test/: passed over 1 .png beside the classes" in told
    assert f"{place}: val/ lies there, but only train and test are read" in told
    assert "the first run decodes the pixels" in told


@pytest.mark.parametrize("target", ["gone", "../../gone", "b"])
def test_a_broken_link_among_the_classes_is_refused(tmp_path, capsys, target):
    write_classes(tmp_path, "train", "test", names="ac")
    for split in ("train", "test"):
        (tmp_path / split / "b").symlink_to(target)
    assert main(["data", "show", f"folder:{tmp_path}"]) == 5
    assert "train/b: is a broken link" in capsys.readouterr().err


@pytest.mark.parametrize("target", ["gone.png", "../../../gone.png", "2.png"])
def test_a_broken_link_among_the_images_is_called_so(tmp_path, capsys, target):
    write_classes(tmp_path, "train", "test", names="ab")
    (tmp_path / "train/a/2.png").symlink_to(target)
    assert main(["data", "show", f"folder:{tmp_path}"]) == 5
    assert "train/a/2.png: is a broken link" in capsys.readouterr().err


def test_a_broken_link_of_another_ending_is_passed_over_and_called_so(tmp_path, capsys):
    write_classes(tmp_path / "d", "train", "test", names="ab")
    (tmp_path / "d/train/a/notes").symlink_to("gone")
    assert main(["data", "show", f"folder:{tmp_path / 'd'}"]) == 0
    assert "passed over 1 broken link; only" in capsys.readouterr().out


def test_shards_of_splits_that_are_not_read_are_told(tmp_path, capsys):
    write_hub(tmp_path / "d")
    write_split(tmp_path / "d", "extra-00000-of-00001", [1])
    assert main(["data", "show", "cifar10", "--data-dir", str(tmp_path / "d")]) == 0
    assert "extra-00000-of-00001.parquet lies there, but only train-" in capsys.readouterr().out


SMALL = builders.png(builders.random_images(1, (8, 8, 3))[0])
BAD = {
    "a label of -1": (lambda d: write_split(d, "test", [*range(9), -1]), "labels run from -1"),
    "a label beyond": (lambda d: write_split(d, "test", [*range(9), 10]), "from 0 to 10; cifar10"),
    "another size": (
        lambda d: builders.write_parquet(
            d / "test.parquet",
            [*map(builders.png, builders.random_images(9)), SMALL],
            range(10),
        ),
        "row 9 has 8x8 pixels, expected 32x32",
    ),
    "no image": (
        lambda d: builders.write_parquet(d / "test.parquet", [b"GIF89a"] * 10, range(10)),
        "neither JPEG nor PNG",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(BAD))
@pytest.mark.parametrize("command", ["show", "plan"])
def test_what_a_run_would_refuse_is_refused_before(tmp_path, capsys, case, command):
    place = tmp_path / "d"
    write_split(place, "train", range(10))
    harm, said = BAD[case]
    harm(place)
    words = {
        "show": ["data", "show", "cifar10"],
        "plan": ["plan", "suites/cifar.yaml", "--results", str(tmp_path / "results")],
    }[command]
    assert main([*words, "--data-dir", str(place)]) == 5
    assert re.search(said, capsys.readouterr().err)


def test_a_file_in_the_place_of_another_of_the_same_size_and_time_is_noticed(tmp_path, cache):
    write_classes(tmp_path, "train", "test", names="ab", shape=(8, 8, 3))
    path = tmp_path / "train/a/1.png"
    before = identify(find_source("folder", tmp_path), cache)
    status, content = path.stat(), bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    after = identify(find_source("folder", tmp_path), cache)
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (status.st_size, status.st_mtime_ns)
    assert after.fingerprint != before.fingerprint
