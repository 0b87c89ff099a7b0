"""Images in a folder for each class: ``train/CLASS/*.png``, and ``test/`` or ``val/`` likewise.

Links: the folder itself, ``train/`` and ``test/`` may be links. What lies inside may not lead out
of them: class folders come from strangers, and a link there could name any file of the machine.
"""

import os
from pathlib import Path

from ttq_bench.errors import DataError
from ttq_bench.text import one_line

TEST_NAMES = ("test", "val", "validation")
IMAGE_ENDINGS = (".png", ".jpg", ".jpeg")
Folders = tuple[Path, ...]


def find_class_folders(folder: Path) -> tuple[Folders, Folders] | None:
    """Return the class folders of both splits, None where there is neither.

    Raises ``DataError`` for one split alone, and for splits of different classes.
    """
    train = tuple(sorted(path for path in folder.glob("train/*/") if path.is_dir()))
    test = tuple(path for path in first_match(folder, "{}/*/") if path.is_dir())
    if bool(train) != bool(test):
        missing = "test" if train else "train"
        raise DataError(f"{folder}: {missing}/CLASS/ is missing beside the other split")
    if not train:
        return None
    names = {path.name for path in train} ^ {path.name for path in test}
    if names:
        one = one_line(min(names), 80)
        raise DataError(
            f"{folder}: train/ and {test[0].parent.name}/ do not hold the same class folders"
            f" ({len(names)} in one of them alone, for example {one!r})"
        )
    return train, test


def image_folder(folder: Path) -> tuple[Folders, Folders]:
    """Return the class folders of both splits of any image folder; ``DataError`` for other things.

    Two classes at least, each with an image in either split.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; folder:PATH is one with train/ and test/ in it")
    found = find_class_folders(folder)
    if found is None:
        raise DataError(
            f"{folder}: has neither train/CLASS/ nor test/CLASS/ (or val/CLASS/); put a folder of"
            " images for each class there"
        )
    if len(found[0]) < 2:  # noqa: PLR2004
        raise DataError(f"{folder}: train/ has one class folder, there is nothing to tell apart")
    for path in (*found[0], *found[1]):
        if not class_folder_files(path):
            raise DataError(f"{path}: has no images ({', '.join(IMAGE_ENDINGS)})")
    return found


def first_match(folder: Path, pattern: str) -> Folders:
    """Return what matches ``pattern`` under the first name of the second split that does."""
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
