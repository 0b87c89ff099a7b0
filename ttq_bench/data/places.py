"""The folders below a data folder that may hold a dataset, by the names of folders alone.

A folder counts if it has the dataset's name, as downloads of the hub do
(``datasets--uoft-cs--cifar10``), or a name that fits any dataset (``plain_text``,
``snapshots/HASH``). Folders with the name of another dataset do not count.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from ttq_bench.data.formats.class_folders import SPLIT_NAMES
from ttq_bench.data.formats.folder_contents import paths_in

# How folders call each dataset, in small letters, from the start or after the owner's name.
NAMES = {
    "cifar100": r"cifar[-_ ]?100",
    "cifar10": r"cifar[-_ ]?10",
    "svhn": r"svhn",
    "fashion_mnist": r"fashion[-_ ]?mnist",
    "mnist": r"mnist",
    "imagenet": r"(imagenet|ilsvrc)([-_ ]?1k|[-_ ]?(2012|2017))?",
    "digits": r"digits",
}
PLAIN = re.compile(
    r"data|default|plain_text|parquet|cropped_digits|raw|snapshots|hub|datasets|huggingface"
    r"|cls-loc|cifar-10-batches-py|cifar-100-python|[0-9a-f]{40}"
)
NOT_ENTERED = {*SPLIT_NAMES, "blobs", "refs"}
MOST_LEVELS, MOST_FOLDERS = 7, 500


def named_after(folder: str) -> str | None:
    """Return the dataset that a folder is named after, None for other names.

    ``CIFAR-10``, ``cifar10-png`` and ``datasets--uoft-cs--cifar10`` are named after cifar10.
    """
    name = folder.lower().rpartition("--")[2]
    owners = (d for d, form in NAMES.items() if re.match(rf"({form})(?![a-z0-9])", name))
    return next(owners, None)


def places_of(dataset: str, data_dir: Path) -> Iterator[Path]:
    """Yield ``data_dir`` and the folders below it that may hold ``dataset``, nearer ones first.

    Links to folders are followed once. Folders of splits are not entered: they hold many files.
    """
    level, seen = [(data_dir, True)], {data_dir.resolve()}
    for _ in range(MOST_LEVELS):
        below: list[tuple[Path, bool]] = []
        for place, may_hold in level:
            if may_hold:
                yield place
            inside = may_hold and named_after(place.name) == dataset
            for path in paths_in(place):
                if path.name.lower() in NOT_ENTERED or not path.is_dir():
                    continue
                owner, real = named_after(path.name), path.resolve()
                if real in seen or len(seen) > MOST_FOLDERS or owner not in (None, dataset):
                    continue
                seen.add(real)
                plain = may_hold and PLAIN.fullmatch(path.name.lower())
                below.append((path, bool(owner or inside or plain)))
        level = below
