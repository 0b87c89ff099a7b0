"""Images in a folder for each class: ``train/CLASS/*.png``, and ``test/`` or ``val/`` likewise.

Hidden files and folders, and those that systems leave (``__MACOSX``, ``@eaDir``), are passed over;
``data/passed_over.py`` names everything else that is.

Links: the folder itself, ``train/`` and ``test/`` may be links. What lies inside may not lead out
of them: class folders come from strangers, and a link there could name any file of the machine.
"""

import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from ttq_bench.data.formats.folder_contents import (
    entries_of,
    is_system_name,
    kind_of,
    kinds_in_words,
    missing_split,
    paths_in,
    what_lies_in,
)
from ttq_bench.data.formats.image_kinds import IMAGE_ENDINGS
from ttq_bench.errors import DataError
from ttq_bench.text import one_line

TRAIN_NAMES = ("train", "training")
# In this order; the first that has the labels of the training images is the second split.
TEST_NAMES = ("test", "val", "validation", "valid", "testing", "eval", "evaluation", "dev")
SPLIT_NAMES = (*TRAIN_NAMES, *TEST_NAMES)
Folders = tuple[Path, ...]


def find_class_folders(folder: Path) -> tuple[Folders, Folders] | None:
    """Return the class folders of both splits, None where there is neither.

    Of several second splits the first one with the classes of the training images is taken: images
    without labels often lie in a folder such as ``test/unknown/``. Raises ``DataError`` for one
    split alone, and for splits of different classes.
    """
    train = next(filter(None, map(class_folders, split_folders(folder, TRAIN_NAMES))), ())
    seconds = [*filter(None, map(class_folders, split_folders(folder, TEST_NAMES)))]
    fitting = [classes for classes in seconds if _names(classes) == _names(train)]
    test = next(iter(fitting or seconds), ())
    if bool(train) != bool(test):
        split = (train or test)[0].parent.name
        raise missing_split(folder, f"{'test' if train else 'train'}/CLASS/", [split])
    if not train:
        return None
    if names := _names(train) ^ _names(test):
        name = one_line(min(names), 80)
        raise DataError(
            f"{folder}: {train[0].parent.name}/ and {test[0].parent.name}/ do not hold the same"
            f" class folders ({len(names)} in one of them alone, for example {name!r})"
            f"{_unicode_hint(names)}"
        )
    return train, test


def _unicode_hint(names: set[str]) -> str:
    """Return what to do about names that look the same and differ by their Unicode form."""
    by_look: dict[str, list[str]] = {}
    for name in sorted(names):
        by_look.setdefault(unicodedata.normalize("NFC", name), []).append(name)
    one, other = next((pair for pair in by_look.values() if len(pair) > 1), ["", ""])[:2]
    if not other:
        return ""
    return (
        f"; {one!a} and {other!a} look the same but differ by their Unicode form (NFC and"
        " NFD): rename the folders of one split"
    )


def _names(folders: Folders) -> set[str]:
    return {path.name for path in folders}


def split_folders(folder: Path, names: tuple[str, ...]) -> Iterator[Path]:
    """Yield the folders of a split, in the order of ``names``, those in capitals last."""
    yield from (folder / name for name in names if (folder / name).is_dir())
    there = sorted(path for path in folder.glob("*/") if path.name.lower() != path.name)
    for name in names:
        yield from (path for path in there if path.name.lower() == name and path.is_dir())


def class_folders(split: Path) -> Folders:
    """Return the folders of the classes in ``split``, sorted by name.

    Raises ``DataError`` for a broken link, which may have been a class.
    """
    if not split.is_dir():
        return ()
    with os.scandir(split) as entries:
        inside = [entry for entry in entries if not is_system_name(entry.name)]
    for entry in inside:
        if entry.is_symlink():
            check_link(Path(entry.path))
    return tuple(sorted(Path(entry.path) for entry in inside if entry.is_dir()))


def image_folder(folder: Path) -> tuple[Folders, Folders]:
    """Return the class folders of both splits of any image folder; ``DataError`` for other things.

    Two classes at least, each with an image in either split. What lies there instead is named.
    """
    check_link(folder)
    if not folder.exists():
        raise DataError(f"{folder}: no such folder; folder:PATH is one with train/ and test/ in it")
    if not folder.is_dir():
        raise DataError(
            f"{folder}: is a file; folder:PATH is a folder with train/ and test/ in it; unpack an"
            " archive and name what comes out of it"
        )
    splits = find_class_folders(folder)
    if splits is None:
        raise DataError(
            f"{folder}: has neither train/CLASS/ nor test/CLASS/ (or val/CLASS/); put a folder of"
            f" images for each class there{_deeper_folder_hint(folder)}; {what_lies_in(folder)}"
        )
    train, test = splits
    if len(train) < 2:  # noqa: PLR2004
        split = train[0].parent
        raise DataError(
            f"{folder}: {split.name}/ has one class folder, there is nothing to tell apart;"
            f" in {split.name}/, {what_lies_in(split)}"
        )
    for path in (*train, *test):
        if not class_folder_files(path):
            kinds = kinds_in_words(Counter(map(kind_of, entries_of(path)))) or "nothing"
            raise DataError(f"{path}: has no images ({', '.join(IMAGE_ENDINGS)}); it holds {kinds}")
    return train, test


def _deeper_folder_hint(folder: Path) -> str:
    """Return what to name instead where a folder in ``folder`` holds the splits."""
    for path in filter(Path.is_dir, paths_in(folder)):
        is_split = path.name.lower() in SPLIT_NAMES
        if not is_split and any(map(class_folders, split_folders(path, SPLIT_NAMES))):
            return f", or name folder:{path}, which has such folders"
    return ""


def class_folder_files(folder: Path) -> list[Path]:
    """Return the image files of one class folder, sorted by name; ``DataError`` for other things.

    Only plain files count as such: reading a pipe or a device may never end.
    """
    check_link(folder)
    split = folder.parent.resolve()
    _check_inside(folder, split)
    with os.scandir(folder) as entries:
        images = [entry for entry in entries if is_image_name(entry.name)]
    _check_names(folder, images)
    for entry in images:
        if entry.is_symlink():
            check_link(Path(entry.path))
            _check_inside(Path(entry.path), split)
        if not entry.is_file():
            raise DataError(f"{entry.path}: is not a file")
    return sorted(Path(entry.path) for entry in images)


def read_image(file: Path, most_bytes: int, remark: str = "") -> bytes:
    """Return the content of an image file; ``DataError`` where it cannot be read, or is larger."""
    try:
        with file.open("rb") as stream:
            content = stream.read(most_bytes + 1)
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror})") from error
    if len(content) > most_bytes:
        raise DataError(f"{file}: has more than {most_bytes:,} bytes{remark}")
    return content


def is_image_name(name: str) -> bool:
    """Return whether a file of this name is read: not ``._1.png``, which macOS leaves."""
    return Path(name).suffix.lower() in IMAGE_ENDINGS and not is_system_name(name)


def _check_names(folder: Path, files: Iterable[os.DirEntry[str]]) -> None:
    """Raise ``DataError`` for a name that is not UTF-8: fingerprints are made of names."""
    for name in (folder.name, *(file.name for file in files)):
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise DataError(f"{folder}: the name {name!r} is not UTF-8; rename it") from error


def check_link(path: Path) -> None:
    """Raise ``DataError`` for a broken link: without a target, or in a circle of links."""
    try:
        path.stat()
    except OSError as error:
        if path.is_symlink():
            raise DataError(
                f"{path}: is a broken link ({error.strerror}); put what it led to there, or take"
                " it away"
            ) from error


def _check_inside(path: Path, split: Path) -> None:
    if path.is_symlink() and not path.resolve().is_relative_to(split):
        raise DataError(f"{path}: is a link that leads out of {split.name}/; put the files there")
