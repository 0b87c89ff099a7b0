"""1,797 handwritten digits, enlarged from 8x8 to 28x28 pixels.

A default that needs no download: it shows the whole way, not a result of the paper. ``FILE`` is the
one of scikit-learn, a copy of the test set of E. Alpaydin and C. Kaynak, "Optical Recognition of
Handwritten Digits", UCI Machine Learning Repository, 1998, https://doi.org/10.24432/C50P49
(CC BY 4.0): lines of 64 numbers of ink and a label.
"""

import gzip
import hashlib
from functools import cache
from pathlib import Path

import numpy as np

from ttq_bench.data.catalog import DATASETS
from ttq_bench.data.formats.archives import Arrays
from ttq_bench.seeding import stream_seed

FILE = Path(__file__).with_name("digits.csv.gz")
SIDE = 8
ENLARGE = 3  # 8 -> 24 by repeating pixels, whole numbers only, so that every machine agrees
MARGIN = 2  # 24 -> 28
BRIGHTEST = 16  # the set counts ink in 0..16


@cache
def digits_file() -> bytes:
    """Return the content of ``FILE``, read once.

    A plan reads it before Ray is there. Where two nodes of a cluster are one machine, Ray unpacks
    the files of a job once more beneath the job that runs.
    """
    return FILE.read_bytes()


def digits_sha256() -> str:
    """Return the digest of ``FILE`` in hexadecimal."""
    return hashlib.sha256(digits_file()).hexdigest()


def read_digits(split: str) -> Arrays:
    """Return images [N, 28, 28, 1] and labels [N]; a fixed draw of 400 digits is the test split."""
    lines = gzip.decompress(digits_file()).decode("ascii").splitlines()
    numbers = np.loadtxt(lines, delimiter=",", dtype=np.int64)
    ink, labels = numbers[:, :-1].reshape(-1, SIDE, SIDE), numbers[:, -1]
    small = (ink * 255 // BRIGHTEST).astype(np.uint8)
    large = small.repeat(ENLARGE, axis=1).repeat(ENLARGE, axis=2)
    images = np.pad(large, ((0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN)))[..., None]
    order = np.random.default_rng(stream_seed(0, "digits test split")).permutation(len(images))
    test_count = DATASETS["digits"].test_count
    rows = order[:test_count] if split == "test" else order[test_count:]
    return images[rows], labels[rows]
