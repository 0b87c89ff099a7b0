"""ImageNet (ILSVRC 2012) on a disk: its folders, its name and its card; nothing is decoded here.

1.28 million files of 148 GB cannot all be hashed before a run. The fingerprint is made of the list
of classes, and of the name and size of every file; of Parquet files, of their names and sizes, all
labels, and the footers, which have the place and the size of every column. A change of bytes that
changes none of these is not noticed.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from ttq_bench.data.catalog import CLASSES, DATASETS, ImagesCard, own_card
from ttq_bench.data.formats.class_folders import Folders, class_folder_files, class_folders
from ttq_bench.data.published import lines_digest
from ttq_bench.errors import DataError
from ttq_bench.text import one_line

NAME = "imagenet"
WORDNET_ID = re.compile(r"n\d{8}")
# Of the 1,000 WordNet ids in order, one a line, as in timm's data/_info/imagenet_synsets.txt.
CLASS_LIST_SHA256 = "385e0240499426c022b773be1ae4da780f057b89c9694c7f47199f62746b6edd"
LAYOUT = "train/ and val/ with a folder for each class in them (n01440764 and so on)"
VALIDATION = ("val", "validation", "valid")
FOOTER_END = 8  # bytes: the footer's length, and PAR1


def imagenet_folders(folder: Path) -> tuple[Folders, Folders] | None:
    """Return the class folders of both splits, None where nothing there is of ImageNet.

    Raises ``DataError`` that says what is missing.
    """
    train, val = folder / "train", _validation_folder(folder)
    archives = [p.name for p in (*folder.glob("ILSVRC2012_img_*.tar"), *train.glob("n*.tar"))]
    classes = [_class_folders(split) for split in (train, val)]
    flat = next(iter(val.glob("ILSVRC2012_val_*.JPEG")), None)
    if not (any(classes) or archives or flat):
        return None
    if not classes[0]:
        packed = f"; unpack {one_line(min(archives), 80)}" if archives else ""
        raise DataError(f"{folder}: ImageNet needs {LAYOUT}: train/ has no such folder{packed}")
    if not classes[1] and flat:
        raise DataError(
            f"{folder}: ImageNet needs {LAYOUT}: {val.name}/ holds {flat.name} and others without"
            " their classes, which are in the devkit (ILSVRC2012_devkit_t12.tar.gz); sort them into"
            " a folder for each class"
        )
    if not classes[1]:
        raise DataError(f"{folder}: ImageNet needs {LAYOUT}: val/ has no such folder")
    if alone := {p.name for p in classes[0]} ^ {p.name for p in classes[1]}:
        where = "train" if min(alone) in {p.name for p in classes[0]} else val.name
        raise DataError(
            f"{folder}: train/ and {val.name}/ must hold the same classes; {len(alone):,} are in"
            f" one of them alone, for example {min(alone)} in {where}/"
        )
    return classes[0], classes[1]


def _validation_folder(folder: Path) -> Path:
    return next((folder / name for name in VALIDATION if (folder / name).is_dir()), folder / "val")


def _class_folders(split: Path) -> Folders:
    found = class_folders(split)
    named = tuple(path for path in found if WORDNET_ID.fullmatch(path.name))
    if named and len(named) < len(found):
        other = next(path.name for path in found if not WORDNET_ID.fullmatch(path.name))
        raise DataError(
            f"{split}: {one_line(other, 80)!r} is the name of no class (n01440764 is one);"
            " take it away"
        )
    return named


def folders_card(train: Folders, test: Folders) -> ImagesCard:
    """Return the card of the images in class folders; asks the disk for the size of every file."""
    lines, counts = [], []
    for split, folders in (("train", train), ("test", test)):
        files = [file for folder in folders for file in _files_of(folder)]
        lines += [f"{split}/{f.parent.name}/{f.name} {f.stat().st_size}" for f in files]
        counts.append(len(files))
    classes = class_list_sha256(path.name for path in train)
    parts = [] if classes == CLASS_LIST_SHA256 else [f"{len(train)}{CLASSES}"]
    return _card(parts, [classes, *lines], (counts[0], counts[1]), len(train))


def _files_of(folder: Path) -> list[Path]:
    files = class_folder_files(folder)
    if not files:
        raise DataError(f"{folder}: has no images; unpack or copy this class again")
    return files


def shards_card(
    paths: Sequence[Path], labels: tuple[Sequence[int], Sequence[int]], classes: Sequence[str]
) -> ImagesCard:
    """Return the card of the images in Parquet files with these ``labels`` by split."""
    lines = [f"{path.name} {path.stat().st_size} {_footer_digest(path)}" for path in paths]
    lines += [lines_digest(map(str, part)) for part in labels]
    counts = len(labels[0]), len(labels[1])
    whole = len(classes) == DATASETS[NAME].classes
    parts = ["parquet"] if whole else ["parquet", f"{len(classes)}{CLASSES}"]
    return _card(parts, [class_list_sha256(classes), *lines], counts, len(classes))


def _card(
    parts: list[str], lines: Iterable[str], counts: tuple[int, int], classes: int
) -> ImagesCard:
    card = DATASETS[NAME]
    if counts[0] > card.train_count or counts[1] > card.test_count:
        raise DataError(
            f"{NAME}: {counts[0]:,} training and {counts[1]:,} test images were found, it has"
            f" {card.train_count:,} and {card.test_count:,}: these are other images"
        )
    complete = counts == (card.train_count, card.test_count)
    subset = ["subset"] if classes == card.classes and not complete else []
    name, fingerprint = "-".join([NAME, *parts, *subset]), f"sha256:{lines_digest(lines)}"
    if classes == card.classes and complete:
        return replace(card, name=name, fingerprint=fingerprint)
    return own_card(name, card.image_shape, classes, *counts, fingerprint=fingerprint)


def class_list_sha256(classes: Iterable[str]) -> str:
    """Return the hash of the names of all classes in the order of their labels, one a line."""
    return lines_digest(classes)


def _footer_digest(path: Path) -> str:
    with path.open("rb") as stream:
        stream.seek(-min(FOOTER_END, path.stat().st_size), 2)
        length = int.from_bytes(stream.read(4), "little")
        stream.seek(-min(FOOTER_END + length, path.stat().st_size), 2)
        return hashlib.sha256(stream.read()).hexdigest()
