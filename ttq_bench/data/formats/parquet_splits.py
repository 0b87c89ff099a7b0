"""Which Parquet files of a folder are a split, by their names."""

import re
from pathlib import Path

from ttq_bench.data.formats.class_folders import TEST_NAMES
from ttq_bench.errors import DataError

# As the hub names the parts of a split.
SHARD = re.compile(r"[a-z]+(-[0-9a-f]+)?-\d+(-of-\d+)?(-[0-9a-f]+)?\.parquet")


def second_split(place: Path) -> tuple[Path, ...]:
    """Return the files of the second split: of several, the first one whose images have labels."""
    splits = [tuple(sorted(place.glob(f"{name}*.parquet"))) for name in TEST_NAMES]
    found = list(dict.fromkeys(filter(None, splits)))
    if len(found) < 2:  # noqa: PLR2004
        return next(iter(found), ())
    from ttq_bench.data.formats.parquet_files import (
        has_labels,  # pyarrow: only where there is a choice
    )

    return next((files for files in found if has_labels(files[0])), found[0])


def check_shards(files: tuple[Path, ...]) -> None:
    """Raise ``DataError`` for a file beside shards that is none of them, such as a copy of one."""
    others = [path for path in files if not SHARD.fullmatch(path.name)]
    plain = any(path.stem == "train" for path in files)
    if len(files) > 1 and (plain or 0 < len(others) < len(files)):
        raise DataError(
            f"{others[0]}: lies beside {next(p.name for p in files if p != others[0])}; keep one of"
            " the two"
        )
