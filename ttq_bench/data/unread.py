"""What lies in a data folder where no images of a dataset are found, and why it is not read."""

from collections.abc import Iterable
from pathlib import Path

from ttq_bench.data.catalog import DATASETS
from ttq_bench.data.formats.class_folders import (
    IMAGE_ENDINGS,
    TEST_NAMES,
    TRAIN_NAMES,
    is_of_system,
)
from ttq_bench.data.places import named_after, places_of
from ttq_bench.data.published import LYING
from ttq_bench.text import one_line

# Files with these endings may be images of a dataset, or have them inside.
ENDINGS = (
    *IMAGE_ENDINGS, ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".parquet", ".arrow", ".npz",
    ".npy", ".pt", ".pth", ".pkl", ".pickle", ".h5", ".hdf5", ".mat", ".tfrecord", ".tfrecords",
    ".rec", ".bin", ".lmdb", ".mdb", ".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".7z",
    ".rar", "-ubyte",
)  # fmt: skip
UNPACKED = ("cifar-10-batches-bin", "cifar-10-batches-py", "cifar-100-python", "cifar-100-binary")
READ = (
    "Parquet files (train*.parquet with test*.parquet), class folders (train/CLASS/*.png with"
    " test/CLASS/*.png) and published files whose hash is known"
)
SHOWN = 4


def unread_sentence(dataset: str, data_dir: Path) -> str:
    """Return ``; X lies there, which is not read: ...`` for what may be images, else nothing."""
    found = list(_unread(dataset, data_dir))
    folders = tuple(name for name in found if name.endswith("/"))
    alone = [name for name in found if name in folders or not name.startswith(folders)]
    names = [one_line(name, 80) for name in alone]
    if not names:
        return ""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    verb = "lies" if len(names) == 1 else "lie"
    return f"; {', '.join(names[:SHOWN])}{more} {verb} there, which is not read: {READ} are"


def _unread(dataset: str, data_dir: Path) -> Iterable[str]:
    """Yield what may be images of ``dataset``, relative to ``data_dir``; not other datasets'."""
    if not DATASETS[dataset].archives:  # nothing is downloaded: all that is there is told
        yield from (
            f"{path.name}/"
            for path in _entries(data_dir)
            if path.is_dir() and path not in places_of(dataset, data_dir)
        )
    published = {
        file.file_name
        for name, card in DATASETS.items()
        for archive in (*card.archives, *([LYING[name]] if name in LYING else []))
        for file in archive.files
    }
    for place in places_of(dataset, data_dir):
        if (place / "record.json").exists():  # tables of a record, where results lie there too
            continue
        for path in _entries(place):
            name = path.relative_to(data_dir).as_posix()
            if named_after(path.name) not in (None, dataset):
                continue
            if path.is_dir() and path.name.lower() in (*TRAIN_NAMES, *TEST_NAMES, *UNPACKED):
                yield f"{name}/"
            elif path.name.lower().endswith(ENDINGS) and path.name not in published:
                yield name


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not is_of_system(path.name))
    except OSError:
        return []
