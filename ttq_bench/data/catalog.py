"""Table ``DATASETS``: what a suite may name as a dataset. Needs no torch.

To add one that comes as Parquet or as class folders, add a card; for new published files write
them into ``published.py``, and their reader into ``formats/archives.py``. Beside the table there is
``folder``: any folder of images, whose card is made from what lies in it (``own_card``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ttq_bench.data.published import (
    CIFAR10_BINARY,
    CIFAR10_FILES,
    CIFAR10_PICKLES,
    CIFAR100_FILES,
    CIFAR100_PICKLES,
    FASHION_MNIST,
    MNIST,
    SVHN,
    Archive,
)
from ttq_bench.errors import DataError, unknown_name

FOLDER = "folder"  # the dataset of a folder of images
MOST_HELD_OUT = 5_000  # images of a folder; as many as of CIFAR-10
CLASSES = "classes"  # after their number, a part of a name: imagenet-10classes


@dataclass(frozen=True, slots=True)
class ImagesCard:
    """What images are: a dataset as it is published, or the images that were found for it.

    They have ``image_shape`` (channels, height, width) and labels from 0 to ``classes`` - 1.
    ``validation_count`` training images are held out: every choice is made on them, and on test
    images none. ``archives`` are the forms in which the images were published; the first one is
    downloaded. ``read_in_place`` is a form that is never downloaded. ``streamed`` images do not fit
    into memory: each is read and decoded when its batch comes.

    The ``fingerprint`` of images on this machine changes with every byte of an image; in
    ``DATASETS`` it is empty. ``in_table`` is false where shape and classes are not those of a
    dataset in ``DATASETS``, so that a trial has to record them.
    """

    name: str
    image_shape: tuple[int, int, int]
    classes: int
    train_count: int
    test_count: int
    validation_count: int
    archives: tuple[Archive, ...] = ()
    read_in_place: Archive | None = None
    streamed: bool = False
    fingerprint: str = ""
    in_table: bool = True


_CARDS = (
    # Krizhevsky 2009
    ImagesCard(
        "cifar10", (3, 32, 32), 10, 50_000, 10_000, 5_000,
        (CIFAR10_BINARY, CIFAR10_PICKLES), CIFAR10_FILES,
    ),
    ImagesCard(
        "cifar100", (3, 32, 32), 100, 50_000, 10_000, 5_000, (CIFAR100_PICKLES,), CIFAR100_FILES
    ),
    # Netzer et al. 2011, cropped digits without the extra set
    ImagesCard("svhn", (3, 32, 32), 10, 73_257, 26_032, 5_000, (SVHN,)),
    # Xiao et al. 2017
    ImagesCard(
        "fashion_mnist", (1, 28, 28), 10, 60_000, 10_000, 5_000, (FASHION_MNIST,), FASHION_MNIST
    ),
    # LeCun et al. 1998
    ImagesCard("mnist", (1, 28, 28), 10, 60_000, 10_000, 5_000, read_in_place=MNIST),
    # Handwritten digits, enlarged (formats/digits.py)
    ImagesCard("digits", (1, 28, 28), 10, 1_397, 400, 200),
    # Russakovsky et al. 2015, ILSVRC 2012. Its images have many sizes and are cropped to 224x224.
    ImagesCard("imagenet", (3, 224, 224), 1000, 1_281_167, 50_000, 10_000, streamed=True),
)  # fmt: skip
DATASETS: Mapping[str, ImagesCard] = MappingProxyType({card.name: card for card in _CARDS})


def own_card(
    name: str,
    image_shape: tuple[int, int, int],
    classes: int,
    train_count: int,
    test_count: int,
    *,
    fingerprint: str = "",
) -> ImagesCard:
    """Return the card of images that no card in the table fits: of a folder, a part of ImageNet.

    A tenth of the training images are held out at most.
    """
    held_out = min(MOST_HELD_OUT, max(train_count // 10, 1))
    return ImagesCard(
        name, image_shape, classes, train_count, test_count, held_out,
        fingerprint=fingerprint, in_table=False,
    )  # fmt: skip


def check_held_out(name: str, train_count: int, held_out: int) -> None:
    """Raise ``DataError`` where no training image is left once ``held_out`` are held out."""
    if held_out >= train_count:
        raise DataError(
            f"{name}: {train_count:,} training images are too few: {held_out:,} are held out for"
            " validation"
        )


def is_streamed(dataset: str) -> bool:
    """Return whether images of this name in the table are read from files batch by batch."""
    return dataset in DATASETS and DATASETS[dataset].streamed


def catalog_name(dataset: str) -> str:
    """Return the name in ``DATASETS`` of images called ``dataset``: ``cifar10-jpeg`` is cifar10.

    Raises ``TtqBenchError`` for images of no known dataset.
    """
    name = dataset.partition("-")[0]
    if name not in DATASETS:
        raise unknown_name("images", "dataset", dataset, DATASETS)
    return name


def describe_dataset(dataset: str) -> str:
    """Return in words how images called ``dataset`` differ from the published ones."""
    name, *changes = dataset.split("-")
    words = {
        "jpeg": "re-encoded as JPEG",
        "png": "from PNG files",
        "parquet": "from Parquet files",
        "subset": "not all images",
    }
    if name == FOLDER:
        return (
            f"images of the folder {'-'.join(changes)!r}, no published set: their errors are to be"
            " compared with each other alone"
        )
    if name == "digits":
        return "digits that come with this package: they show the way, not a result of the paper"
    if name == "imagenet" and not changes:
        return "ILSVRC 2012 by its classes and its number of images; their bytes are not verified"
    if not changes:
        return "the published bytes, verified by hash"
    described = ", ".join(
        words.get(change, change.replace(CLASSES, " classes")) for change in changes
    )
    if any(change.endswith(CLASSES) for change in changes):
        return f"{name} with {described}: shows that the suite runs, not a result of the paper"
    return f"{name} {described}: not the published bytes, so no error here is the paper's"
