import numpy as np
import pytest

from tests.data import builders
from ttq_bench.data.formats.archives import READERS
from ttq_bench.errors import DataError

IMAGES = builders.random_images(12)
LABELS = builders.random_labels(12)
MEMBERS = {
    "cifar-binary": builders.binary_members,
    "cifar-pickles": builders.pickle_members,
    "cifar100-pickles": builders.cifar100_members,
}
layouts = pytest.mark.parametrize("layout", sorted(MEMBERS))


def make(tmp_path, layout, change=None):
    members = MEMBERS[layout](IMAGES, LABELS)
    if change:
        change(members)
    builders.write_tar(tmp_path / "archive.tar.gz", members)
    return (tmp_path / "archive.tar.gz",)


@layouts
def test_every_layout_gives_back_the_training_images_in_batch_order(tmp_path, layout):
    images, labels = READERS[layout](make(tmp_path, layout), "train")
    assert np.array_equal(images, IMAGES[:10])
    assert np.array_equal(labels, LABELS[:10])
    assert (images.dtype, labels.dtype) == (np.uint8, np.int64)


@layouts
def test_every_layout_gives_back_the_test_images(tmp_path, layout):
    images, labels = READERS[layout](make(tmp_path, layout), "test")
    assert np.array_equal(images, IMAGES[10:])
    assert np.array_equal(labels, LABELS[10:])


@layouts
def test_order_of_members_in_the_archive_does_not_matter(tmp_path, layout):
    members = MEMBERS[layout](IMAGES, LABELS)
    builders.write_tar(tmp_path / "archive.tar.gz", dict(reversed(members.items())))
    images, _ = READERS[layout]((tmp_path / "archive.tar.gz",), "train")
    assert np.array_equal(images, IMAGES[:10])


def test_a_binary_row_is_a_label_and_then_the_red_plane_by_hand(tmp_path):
    row = bytes([7]) + bytes([1] * 1024) + bytes([2] * 1024) + bytes([3] * 1024)
    builders.write_tar(tmp_path / "a.tar.gz", {"cifar-10-batches-bin/test_batch.bin": row})
    images, labels = READERS["cifar-binary"]((tmp_path / "a.tar.gz",), "test")
    assert labels.tolist() == [7]
    assert (images == np.array([1, 2, 3])).all()


@layouts
def test_a_missing_member_is_named(tmp_path, layout):
    name = "train" if layout == "cifar100-pickles" else "data_batch_3"
    paths = make(tmp_path, layout, lambda m: m.pop(next(k for k in m if name in k)))
    with pytest.raises(DataError, match=rf"archive\.tar\.gz: .*{name}.* is missing"):
        READERS[layout](paths, "train")


@layouts
@pytest.mark.parametrize("share", [0, 0.3, 0.9])
def test_a_truncated_archive_is_named(tmp_path, layout, share):
    (path,) = make(tmp_path, layout)
    builders.cut(path, share)
    with pytest.raises(DataError, match=r"archive\.tar\.gz: cannot be read as an archive"):
        READERS[layout]((path,), "train")


@layouts
def test_changed_bytes_anywhere_in_an_archive_never_end_in_a_raw_error(tmp_path, layout):
    (path,) = make(tmp_path, layout)
    content, refused = path.read_bytes(), 0
    for place in range(20, len(content) - 20, len(content) // 40):
        path.write_bytes(content[:place] + b"\xff\xff\xff\xff" + content[place + 4 :])
        try:
            READERS[layout]((path,), "train")
        except DataError:
            refused += 1
    assert refused > 20


def test_a_binary_member_of_half_an_image_is_refused(tmp_path):
    name = "cifar-10-batches-bin/data_batch_2.bin"
    paths = make(tmp_path, "cifar-binary", lambda m: m.update({name: m[name][:-1]}))
    with pytest.raises(DataError, match=r"data_batch_2\.bin has 6,145 bytes, not whole images"):
        READERS["cifar-binary"](paths, "train")


def test_cifar100_gives_the_fine_labels_of_a_hundred_classes(tmp_path):
    labels = np.arange(12) * 9
    builders.write_tar(tmp_path / "a.tar.gz", builders.cifar100_members(IMAGES, labels))
    _, found = READERS["cifar100-pickles"]((tmp_path / "a.tar.gz",), "train")
    assert found.tolist() == labels[:10].tolist()


def test_a_batch_of_cifar10_in_the_place_of_cifar100_is_refused(tmp_path):
    members = {"cifar-100-python/test": builders.python2_batch(builders.planes(IMAGES), LABELS)}
    builders.write_tar(tmp_path / "a.tar.gz", members)
    with pytest.raises(DataError, match=r"cifar-100-python/test is not a CIFAR batch .*fine_label"):
        READERS["cifar100-pickles"]((tmp_path / "a.tar.gz",), "test")


def svhn(folder, images=IMAGES, labels=LABELS):
    """Both files; the digit 0 has the label 10 there."""
    marks = np.where(labels == 0, 10, labels)[:, None]
    for name, part in (("train", slice(10)), ("test", slice(10, 12))):
        arrays = {"X": images[part].transpose(1, 2, 3, 0), "y": marks[part]}
        (folder / f"{name}_32x32.mat").write_bytes(builders.mat(arrays))
    return tuple(folder / f"{name}_32x32.mat" for name in ("train", "test"))


def fashion(folder, images, labels):
    paths = []
    for name, part in (("train", slice(10)), ("t10k", slice(10, 12))):
        for kind, array in (("images-idx3", images[part]), ("labels-idx1", labels[part])):
            paths.append(folder / f"{name}-{kind}-ubyte.gz")
            builders.write_idx(paths[-1], array)
    return tuple(paths)


@pytest.mark.parametrize(("split", "part"), [("train", slice(10)), ("test", slice(10, 12))])
def test_svhn_is_read_from_the_file_of_its_split_and_ten_means_zero(tmp_path, split, part):
    assert 0 in LABELS
    images, labels = READERS["svhn-mat"](svhn(tmp_path), split)
    assert np.array_equal(images, IMAGES[part])
    assert np.array_equal(labels, LABELS[part])
    assert (images.dtype, labels.dtype) == (np.uint8, np.int64)
    assert images.flags.c_contiguous


@pytest.mark.parametrize(("split", "part"), [("train", slice(10)), ("test", slice(10, 12))])
def test_fashion_mnist_is_read_from_the_two_files_of_its_split(tmp_path, split, part):
    pixels = builders.random_images(12, (28, 28))
    images, labels = READERS["idx"](fashion(tmp_path, pixels, LABELS), split)
    assert np.array_equal(images, pixels[part][..., None])
    assert np.array_equal(labels, LABELS[part])
    assert (images.dtype, labels.dtype) == (np.uint8, np.int64)


def test_another_number_of_labels_than_of_images_is_refused(tmp_path):
    pixels = builders.random_images(12, (28, 28))
    paths = fashion(tmp_path, pixels, LABELS)
    builders.write_idx(paths[1], LABELS[:9])
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz: 10 images and 9 labels"):
        READERS["idx"](paths, "train")
