"""What lies in a data folder where no images of a dataset are found, and what would be read."""

from collections.abc import Iterable
from pathlib import Path

from ttq_bench.data.catalog import DATASETS, is_streamed
from ttq_bench.data.formats.class_folders import SPLIT_NAMES
from ttq_bench.data.formats.folder_contents import SHOWN, listed_there, paths_in
from ttq_bench.data.formats.image_kinds import IMAGE_ENDINGS
from ttq_bench.data.places import named_after, places_of
from ttq_bench.data.published import PublishedFile
from ttq_bench.files import file_digest
from ttq_bench.text import one_line

# Files with these endings may be images of a dataset, or have them inside.
ENDINGS = (
    *IMAGE_ENDINGS, ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".parquet", ".arrow", ".npz",
    ".npy", ".pt", ".pth", ".pkl", ".pickle", ".h5", ".hdf5", ".mat", ".tfrecord", ".tfrecords",
    ".rec", ".bin", ".lmdb", ".mdb", ".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".7z",
    ".rar", "-ubyte",
)  # fmt: skip
TABLES = (".csv", ".tsv")
UNPACKED = ("cifar-10-batches-bin", "cifar-10-batches-py", "cifar-100-python", "cifar-100-binary")
CLASSES = "train/CLASS/*.png with test/CLASS/*.png"
WORDNET_CLASSES = "train/n01440764/*.JPEG with val/n01440764/*.JPEG and so on"


def unread_sentence(dataset: str, data_dir: Path) -> str:
    """Return ``; X lies there, but only ... are read`` for what may be images, else nothing."""
    unread = list(dict.fromkeys(_unread_names(dataset, data_dir)))
    folders = tuple(name for name in unread if name.endswith("/"))
    names = [name for name in unread if name in folders or not name.startswith(folders)]
    if not names:
        return ""
    shown = [one_line(name, 80) for name in names[:SHOWN]]
    classes = WORDNET_CLASSES if is_streamed(dataset) else CLASSES
    return (
        f"; {listed_there(shown, len(names))}, but only Parquet files (train*.parquet with"
        f" test*.parquet), class folders ({classes}) and published files whose hash is known are"
        " read"
    )


def _unread_names(dataset: str, data_dir: Path) -> Iterable[str]:
    """Yield what may be images of ``dataset``, relative to ``data_dir``; not other datasets'."""
    places = list(places_of(dataset, data_dir))
    if not DATASETS[dataset].archives:  # nothing is downloaded: every folder is named
        yield from (
            f"{path.name}/" for path in paths_in(data_dir) if path.is_dir() and path not in places
        )
    for place in places:
        if (place / "record.json").exists():  # tables of a record, where results lie there too
            continue
        for path in paths_in(place):
            if (remark := _remark(path, dataset, place)) is not None:
                yield f"{path.relative_to(data_dir).as_posix()}{remark}"


def _remark(path: Path, dataset: str, place: Path) -> str | None:
    """Return what follows a name in the sentence, None for what is no image of ``dataset``."""
    owner = named_after(path.name)
    if owner not in (None, dataset):
        return None
    known = path.name.lower() in (*SPLIT_NAMES, *UNPACKED)
    if path.is_dir():
        return "/" if known else None
    if path.is_symlink() and not path.exists():
        known = known or owner == dataset or _may_hold_images(path, dataset, place)
        return " (a broken link)" if known else None
    if not _may_hold_images(path, dataset, place):
        return None
    own = {f.md5 for owner, f in _published() if (owner, f.file_name) == (dataset, path.name)}
    changed = own and path.is_file() and file_digest(path, "md5") not in own
    return " (not the published bytes)" if changed else ""


def _may_hold_images(path: Path, dataset: str, place: Path) -> bool:
    """Return whether a file may hold images of ``dataset``: by its name, or by its hash."""
    if files := [(owner, f) for owner, f in _published() if f.file_name == path.name]:
        if dataset not in {owner for owner, _ in files}:
            return False
        others = {file.md5 for owner, file in files if owner != dataset}
        return not (others and path.is_file() and file_digest(path, "md5") in others)
    name = path.name.lower()
    if name.endswith(TABLES):  # of many things: only those that are named after images
        return dataset in (named_after(name), named_after(place.name)) or path.stem in SPLIT_NAMES
    return name.endswith(ENDINGS)


def _published() -> Iterable[tuple[str, PublishedFile]]:
    """Yield each published file with its dataset: some datasets have files of the same names."""
    for name, card in DATASETS.items():
        for archive in (*card.archives, card.read_in_place):
            yield from ((name, file) for file in (archive.files if archive else ()))
