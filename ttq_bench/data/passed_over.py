"""What lies beside the images and is not read, so that a plan can name it."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ttq_bench.data.formats.class_folders import SPLIT_NAMES
from ttq_bench.data.formats.folder_contents import (
    SHOWN,
    entries_of,
    kind_of,
    kinds_in_words,
    listed_there,
)
from ttq_bench.data.formats.image_kinds import IMAGE_ENDINGS
from ttq_bench.data.sources import Source
from ttq_bench.text import one_line

SPLITS = (*SPLIT_NAMES, "extra", "unlabel", "unsupervised")


def passed_over(source: Source) -> list[str]:
    """Return sentences on what is beside the images of ``source`` and is not read."""
    if not source.train:  # images that are assumed for a plan
        return []
    if source.kind == "parquet":
        return _other_splits(source.train + source.test)
    if source.kind != "folders":
        return []
    splits = list(dict.fromkeys(path.parent for path in source.train + source.test))
    counted = {split: _kinds_passed_over(split, source) for split in splits}
    return _other_splits(splits) + [
        f"{split}/: passed over {kinds_in_words(kinds)}; only {', '.join(IMAGE_ENDINGS)} in class"
        " folders count"
        for split, kinds in counted.items()
        if kinds
    ]


def _kinds_passed_over(split: Path, source: Source) -> Counter[str]:
    """Return how many files of each kind in a split and its class folders are not read."""
    kinds = Counter(
        f"{kind_of(entry)} beside the classes" for entry in entries_of(split) if not entry.is_dir()
    )
    for folder in source.train + source.test:
        if folder.parent == split:
            kinds.update(kind_of(e) for e in entries_of(folder) if kind_of(e) not in IMAGE_ENDINGS)
    return kinds


def _other_splits(used: Sequence[Path]) -> list[str]:
    """Return a sentence on splits beside the ``used`` files or folders."""
    place, names = used[0].parent, {path.name for path in used}
    others = sorted(
        f"{entry.name}{'/' if entry.is_dir() else ''}"
        for entry in entries_of(place)
        if entry.name not in names
        and entry.name.lower().startswith(SPLITS)
        and (entry.is_dir() or entry.name.endswith(".parquet"))
    )
    if not others:
        return []
    shown = [one_line(name, 80) for name in others[:SHOWN]]
    return [
        f"{place}: {listed_there(shown, len(others))}, but only {used[0].name} and"
        f" {used[-1].name} are read"
    ]
