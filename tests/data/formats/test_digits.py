import gzip
import hashlib

import numpy as np
import pytest

from ttq_bench.data.catalog import DATASETS
from ttq_bench.data.formats.digits import FILE, read_digits

CARD = DATASETS["digits"]


@pytest.mark.parametrize(
    ("split", "count"), [("train", CARD.train_count), ("test", CARD.test_count)]
)
def test_each_split_has_the_shape_and_count_of_its_card(split, count):
    images, labels = read_digits(split)
    channels, height, width = CARD.image_shape
    assert images.shape == (count, height, width, channels)
    assert (images.dtype, labels.dtype) == (np.uint8, np.int64)
    assert sorted(set(labels.tolist())) == list(range(CARD.classes))


def test_the_file_is_the_one_that_recorded_trials_name():
    digest = "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22"
    assert hashlib.sha256(FILE.read_bytes()).hexdigest() == digest


def test_two_readings_are_equal():
    for first, second in zip(read_digits("train"), read_digits("train"), strict=True):
        assert np.array_equal(first, second)


def test_both_splits_together_are_all_digits_and_share_none():
    small = [read_digits(split)[0][:, 2:-2:3, 2:-2:3, 0] for split in ("train", "test")]
    lines = gzip.decompress(FILE.read_bytes()).decode().splitlines()
    ink = [[int(number) * 255 // 16 for number in line.split(",")[:-1]] for line in lines]
    together = np.concatenate(small).reshape(-1, 64)
    assert sorted(map(tuple, together.tolist())) == sorted(map(tuple, ink))


def test_a_pixel_of_ink_becomes_nine_inside_an_empty_margin():
    images, _ = read_digits("test")
    inner = images[:, 2:-2, 2:-2, 0].reshape(-1, 8, 3, 8, 3)
    assert (inner == inner[:, :, :1, :, :1]).all()
    assert images.sum() == inner.astype(int).sum()
    assert images.max() == 255
