"""Which Parquet files of a folder are a split, by their names."""

import re
from collections.abc import Collection, Mapping
from pathlib import Path

from ttq_bench.data.formats.class_folders import SPLIT_NAMES, TEST_NAMES, check_link
from ttq_bench.errors import DataError

# As the hub names the parts of a split.
SHARD = re.compile(
    r"(?P<split>[a-z]+)(-[0-9a-f]+)?-(?P<number>\d+)(-of-(?P<total>\d+))?(-[0-9a-f]+)?\.parquet"
)


def second_split(place: Path) -> tuple[Path, ...]:
    """Return the files of the second split: of several, the first one whose images have labels."""
    splits = [tuple(sorted(place.glob(f"{name}*.parquet"))) for name in TEST_NAMES]
    there = list(dict.fromkeys(filter(None, splits)))
    if len(there) < 2:  # noqa: PLR2004
        return next(iter(there), ())
    from ttq_bench.data.formats import parquet_files  # pyarrow: only where there is a choice

    return next((files for files in there if parquet_files.has_labels(files[0])), there[0])


def check_shards(files: tuple[Path, ...]) -> None:
    """Raise ``DataError`` for files that are not one whole split.

    The error names a missing shard, a copy of one, a shard of another set, or a broken link.
    """
    for path in files:
        check_link(path)
    others = [path for path in files if not SHARD.fullmatch(path.name)]
    has_whole = any(path.stem in SPLIT_NAMES for path in files)  # train.parquet is a split alone
    if len(files) > 1 and (has_whole or 0 < len(others) < len(files)):
        raise _keep_one(others[0], next(path for path in files if path != others[0]))
    if files and not others:
        _check_numbers({path: shard for path in files if (shard := SHARD.fullmatch(path.name))})


def _keep_one(path: Path, other: Path) -> DataError:
    return DataError(f"{path}: lies beside {other.name}; keep one of the two")


def _check_numbers(shards: Mapping[Path, re.Match[str]]) -> None:
    """Raise ``DataError`` unless the shards are those of one set, each of its numbers once."""
    (first, shard), *_ = shards.items()
    seen: dict[int, Path] = {}
    for path, other in shards.items():
        if (other["split"], other["total"]) != (shard["split"], shard["total"]):
            raise DataError(
                f"{path}: is of another set of shards than {first.name}; keep one of the two sets"
            )
        if (number := int(other["number"])) in seen:
            raise _keep_one(path, seen[number])
        seen[number] = path
    _check_whole(first, shard, seen)


def _check_whole(first: Path, shard: re.Match[str], numbers: Collection[int]) -> None:
    """Raise ``DataError`` for the first number that is missing, where numbers run from 0 or 1."""
    if shard["total"]:
        count = int(shard["total"])
    elif min(numbers) <= 1:
        count = max(numbers) + (0 in numbers)
    else:
        return  # a year or a count, not the number of a shard
    if set(numbers) == set(range(1, count + 1)):
        return
    missing = sorted(set(range(count)) - set(numbers))
    if missing:
        start, end = shard.span("number")
        name = f"{first.name[:start]}{missing[0]:0{end - start}}{first.name[end:]}"
        raise DataError(
            f"{first.parent}: {name} is missing ({len(missing):,} of {count:,} shards are); get"
            " what is missing and put it there"
        )
