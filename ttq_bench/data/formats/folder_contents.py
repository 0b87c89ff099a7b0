"""What a folder holds, in words: an error about a folder names what is there instead."""

import os
from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path

from ttq_bench.errors import DataError
from ttq_bench.text import one_line

# In small letters: what desktops, NAS systems and Python write into folders that they serve.
SYSTEM_NAMES = (
    "__macosx", "network trash folder", "temporary items", "thevolumesettingsfolder",
    "system volume information", "$recycle.bin", "thumbs.db", "ehthumbs.db", "desktop.ini",
    "found.000", "lost+found", "lost.dir", "__pycache__",
    "@eadir", "@tmp", "#recycle", "#snapshot",  # Synology
    "@recycle", "@recently-snapshot", "@__thumb", "@upload_cache",  # QNAP
    "~snapshot",  # NetApp
)  # fmt: skip
SHOWN, SHOWN_KINDS = 4, 3


def is_system_name(name: str) -> bool:
    """Return whether a file or folder of this name was made by a program, not by a person."""
    return name.startswith(".") or name.lower() in SYSTEM_NAMES


def entries_of(folder: Path) -> "list[os.DirEntry[str]]":
    """Return what is in a folder but for system files; nothing where it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not is_system_name(entry.name)]
    except OSError:
        return []


def paths_in(folder: Path) -> list[Path]:
    """Return the paths of ``entries_of``, sorted by name."""
    return sorted(Path(entry.path) for entry in entries_of(folder))


def kind_of(entry: "os.DirEntry[str]") -> str:
    """Return ``folder``, ``broken link``, or the ending of a file's name in small letters."""
    if entry.is_dir():
        return "folder"
    if entry.is_symlink() and not os.path.exists(entry.path):  # noqa: PTH110 - a ring is no error
        return "broken link"
    return Path(entry.name).suffix.lower() or "without an ending"


def kinds_in_words(kinds: Counter[str]) -> str:
    """Return how many there are of each kind: ``2 .webp, 1 folder``."""
    return ", ".join(
        f"{count:,} {one_line(kind, 40)}{'s' if kind == 'folder' and count > 1 else ''}"
        for kind, count in kinds.most_common()
    )


def what_lies_in(folder: Path, *, but: Collection[str] = ()) -> str:
    """Return a clause that names what is in ``folder``, and counts what is in its folders.

    Folders come first: ``cat/ (3 .png), dog/ (3 .png) lie there``. Names in ``but`` are left out.
    """
    found = [entry for entry in entries_of(folder) if entry.name not in but]
    found.sort(key=lambda entry: (not entry.is_dir(), entry.name))
    if not found:
        return "nothing lies there"
    return listed_there(map(_described, found[:SHOWN]), len(found))


def listed_there(names: Iterable[str], count: int) -> str:
    """Return a clause on ``count`` things, the first ``SHOWN`` of them by ``names``."""
    more = f" and {count - SHOWN:,} more" if count > SHOWN else ""
    return f"{', '.join(names)}{more} {'lies' if count == 1 else 'lie'} there"


def missing_split(folder: Path, missing: str, there: Collection[str]) -> DataError:
    """Return the error for a missing split; it names what is beside the names ``there``."""
    others = any(entry.name not in there for entry in entries_of(folder))
    remedy = f"; rename what holds it: {what_lies_in(folder, but=there)}" if others else ""
    return DataError(f"{folder}: {missing} is missing beside the other split{remedy}")


def _described(entry: "os.DirEntry[str]") -> str:
    name, kind = one_line(entry.name, 80), kind_of(entry)
    if kind == "broken link":
        return f"{name} (a broken link)"
    if kind != "folder":
        return name
    kinds = Counter(kind_of(inner) for inner in entries_of(Path(entry.path)))
    return f"{name}/ ({kinds_in_words(Counter(dict(kinds.most_common(SHOWN_KINDS)))) or 'empty'})"
