"""Where the images of a dataset lie: a published archive, Parquet files or class folders.

Nothing is decoded here and no torch is needed. A source that is not the published archive gets
a dataset name of its own (see ``identity.py``).

Links: the data folder, its folders, ``train/`` and ``test/``, archives and Parquet files may be
links (caches of the hub are made of them). What lies inside ``train/`` and ``test/`` may not lead
out of them: class folders come from strangers, and a link there could name any file of the machine.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ttq_bench.data.catalog import DATASETS, Archive
from ttq_bench.errors import DataError

Kind = Literal["bundled", "archive", "parquet", "folders"]
TEST_NAMES = ("test", "val", "validation")
IMAGE_ENDINGS = (".png", ".jpg", ".jpeg")


@dataclass(frozen=True, slots=True)
class Source:
    """Files of one dataset. ``archive`` is set for the published one, whose file may be missing."""

    dataset: str
    kind: Kind
    train: tuple[Path, ...]
    test: tuple[Path, ...]
    archive: Archive | None = None

    @property
    def is_present(self) -> bool:
        """Whether the files are there (only a published archive can be fetched later)."""
        return all(path.exists() for path in self.train + self.test)


def find_source(dataset: str, data_dir: Path) -> Source:
    """Return where ``dataset`` lies in ``data_dir`` or in a folder there that bears its name.

    Where nothing is found, the source is the archive to be downloaded; for a dataset without one,
    ``DataError``.
    """
    if (found := look_for(dataset, data_dir)) is not None:
        return found
    card = DATASETS[dataset]
    if not card.archives:
        raise DataError(
            f"{data_dir}: no {dataset} found (looked for train*.parquet with test*.parquet and for"
            f" train/CLASS/*.png with test/CLASS/*.png, here and in {dataset}*/);"
            " put it there or name its place with --data-dir"
        )
    path = data_dir / card.archives[0].file_name
    return Source(dataset, "archive", (path,), (), card.archives[0])


def look_for(dataset: str, data_dir: Path) -> Source | None:
    """Return what of ``dataset`` lies there already; ``DataError`` if it is half of a thing or two.

    A published archive wins over Parquet files, these over class folders.
    """
    if dataset == "digits":
        return Source(dataset, "bundled", (), ())
    folders = [data_dir, *_folders_of(dataset, data_dir)]
    for find in (_find_archive, _find_parquet, _find_class_folders):
        found = [source for folder in folders if (source := find(dataset, folder))]
        if found:
            return _only(found, data_dir)
    return None


def _folders_of(dataset: str, data_dir: Path) -> list[Path]:
    if not data_dir.is_dir():
        return []
    return sorted(path for path in data_dir.iterdir() if path.is_dir() and _bears(path, dataset))


def _bears(folder: Path, dataset: str) -> bool:
    """Return whether a folder is named after ``dataset``: cifar10-png, but not cifar100."""
    rest = folder.name.removeprefix(dataset)
    return folder.name.startswith(dataset) and not rest[:1].isalnum()


def _only(found: list[Source], folder: Path) -> Source:
    if len(found) > 1:
        places = ", ".join(str(source.train[0].parent) for source in found)
        raise DataError(
            f"{folder}: several copies of {found[0].dataset} ({places});"
            " give --data-dir one of them"
        )
    return found[0]


def _find_archive(dataset: str, folder: Path) -> Source | None:
    for archive in DATASETS[dataset].archives:
        path = folder / archive.file_name
        if path.is_file():
            return Source(dataset, "archive", (path,), (), archive)
    return None


def _find_parquet(dataset: str, folder: Path) -> Source | None:
    found = []
    # The hub names its files train-00000-of-00002.parquet and puts them into data/ or a config's
    # folder; a plain train.parquet is common too.
    for place in (folder, *sorted(path for path in folder.glob("*/") if not path.is_symlink())):
        train = tuple(sorted(place.glob("train*.parquet")))
        test = _first_match(place, "{}*.parquet")
        if place is not folder and not _bears(folder, dataset):
            continue  # a neighbour's files, for example of another dataset in the same data folder
        if bool(train) != bool(test):
            missing = "test" if train else "train"
            raise DataError(f"{place}: {missing}*.parquet is missing beside the other split")
        plain = [path for path in train if path.stem == "train"]
        if plain and len(train) > 1:
            raise DataError(f"{plain[0]}: lies beside train-*.parquet; keep one of the two")
        if train:
            found.append(Source(dataset, "parquet", train, test))
    return _only(found, folder) if found else None


def _find_class_folders(dataset: str, folder: Path) -> Source | None:
    train = tuple(sorted(path for path in folder.glob("train/*/") if path.is_dir()))
    test = tuple(path for path in _first_match(folder, "{}/*/") if path.is_dir())
    if bool(train) != bool(test):
        missing = "test" if train else "train"
        raise DataError(f"{folder}: {missing}/CLASS/ is missing beside the other split")
    if not train:
        return None
    classes = DATASETS[dataset].classes
    names = [path.name for path in train]
    if names != [path.name for path in test]:
        raise DataError(f"{folder}: train/ and test/ do not hold the same class folders")
    if len(names) != classes:
        raise DataError(
            f"{folder}: {dataset} has {classes} classes, train/ has {len(names)} folders"
        )
    return Source(dataset, "folders", train, test)


def _first_match(folder: Path, pattern: str) -> tuple[Path, ...]:
    for name in TEST_NAMES:
        if found := tuple(sorted(folder.glob(pattern.format(name)))):
            return found
    return ()


def class_folder_files(folder: Path) -> list[Path]:
    """Return the image files of one class folder, sorted by name; ``DataError`` for other things.

    Only plain files count as such: reading a pipe or a device may never end.
    """
    split = folder.parent.resolve()
    _stay_inside(folder, split)
    with os.scandir(folder) as entries:
        found = [e for e in entries if Path(e.name).suffix.lower() in IMAGE_ENDINGS]
    for entry in found:
        if entry.is_symlink():
            _stay_inside(Path(entry.path), split)
        if not entry.is_file():
            raise DataError(f"{entry.path}: is not a file")
    return sorted(Path(entry.path) for entry in found)


def _stay_inside(path: Path, split: Path) -> None:
    try:
        inside = not path.is_symlink() or path.resolve().is_relative_to(split)
    except (OSError, RuntimeError):  # a ring of links
        inside = False
    if not inside:
        raise DataError(f"{path}: is a link that leads out of {split.name}/; put the files there")
