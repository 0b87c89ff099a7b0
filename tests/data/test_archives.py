import numpy as np
import pytest

from tests.data import builders
from ttq_bench.data.archives import READERS
from ttq_bench.errors import DataError

IMAGES = builders.random_images(12)
LABELS = builders.random_labels(12)
MEMBERS = {"cifar-binary": builders.binary_members, "cifar-pickles": builders.pickle_members}
layouts = pytest.mark.parametrize("layout", sorted(READERS))


def make(tmp_path, layout, change=None):
    members = MEMBERS[layout](IMAGES, LABELS)
    if change:
        change(members)
    builders.write_tar(tmp_path / "archive.tar.gz", members)
    return tmp_path / "archive.tar.gz"


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
    images, _ = READERS[layout](tmp_path / "archive.tar.gz", "train")
    assert np.array_equal(images, IMAGES[:10])


def test_a_binary_row_is_a_label_and_then_the_red_plane_by_hand(tmp_path):
    row = bytes([7]) + bytes([1] * 1024) + bytes([2] * 1024) + bytes([3] * 1024)
    builders.write_tar(tmp_path / "a.tar.gz", {"cifar-10-batches-bin/test_batch.bin": row})
    images, labels = READERS["cifar-binary"](tmp_path / "a.tar.gz", "test")
    assert labels.tolist() == [7]
    assert (images == np.array([1, 2, 3])).all()


@layouts
def test_a_missing_member_is_named(tmp_path, layout):
    path = make(tmp_path, layout, lambda members: members.pop(next(k for k in members if "3" in k)))
    with pytest.raises(DataError, match=r"archive\.tar\.gz: .*data_batch_3.* is missing"):
        READERS[layout](path, "train")


@layouts
@pytest.mark.parametrize("share", [0, 0.3, 0.9])
def test_a_truncated_archive_is_named(tmp_path, layout, share):
    path = make(tmp_path, layout)
    builders.cut(path, share)
    with pytest.raises(DataError, match=r"archive\.tar\.gz: cannot be read as an archive"):
        READERS[layout](path, "train")


@layouts
def test_changed_bytes_anywhere_in_an_archive_never_end_in_a_raw_error(tmp_path, layout):
    path = make(tmp_path, layout)
    content, refused = path.read_bytes(), 0
    for place in range(20, len(content) - 20, len(content) // 40):
        path.write_bytes(content[:place] + b"\xff\xff\xff\xff" + content[place + 4 :])
        try:
            READERS[layout](path, "train")
        except DataError:
            refused += 1
    assert refused > 20


def test_a_binary_member_of_half_an_image_is_refused(tmp_path):
    name = "cifar-10-batches-bin/data_batch_2.bin"
    path = make(tmp_path, "cifar-binary", lambda m: m.update({name: m[name][:-1]}))
    with pytest.raises(DataError, match=r"data_batch_2\.bin has 6,145 bytes, not whole images"):
        READERS["cifar-binary"](path, "train")
