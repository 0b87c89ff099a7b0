"""What a source is: the name it bears in every table, and the fingerprint in every trial id.

Only the published files, verified by their hashes, bear the plain name. Everything else is named
after its encoding (``cifar10-jpeg``), and ``-subset`` is added when images are missing; an image
folder is ``folder-`` and its name. Answers are kept in the cache folder, keyed by path, size,
number and times of each file: that of its last change (ctime) cannot be set by hand.
"""

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from ttq_bench.data.catalog import (
    DATASETS,
    FOLDER,
    DatasetCard,
    catalog_name,
    folder_card,
    is_streamed,
)
from ttq_bench.data.formats.class_folders import class_folder_files
from ttq_bench.data.published import check_files, fingerprint_of
from ttq_bench.data.sources import Source
from ttq_bench.data.streaming.imagenet import class_names, list_folders, list_shards
from ttq_bench.errors import DataError
from ttq_bench.files import file_digest, home_folder, write_atomically

FORMAT = "identity-5"  # raise it when the answers below change, or what is refused
# What a kept answer may say: its name becomes the name of a folder.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
FINGERPRINT = re.compile(r"(md5|sha256):[0-9a-f]{32,64}")
MOST_LETTERS = 40  # of a folder's name, which stands in the names of files
SHOWN_COUNTS = 6


@dataclass(frozen=True, slots=True)
class Identity:
    """``name`` stands in tables and summary; ``fingerprint`` changes when any image byte does.

    ``image_shape`` and ``classes`` are those of an image folder or of a part of ImageNet; datasets
    have them in their cards.
    """

    name: str
    fingerprint: str
    train_count: int
    test_count: int
    image_shape: tuple[int, int, int] | None = None
    classes: int = 0

    @property
    def card(self) -> DatasetCard:
        """Return the card of the dataset, or the one made from what lies in the folder."""
        if self.image_shape is None:
            return DATASETS[catalog_name(self.name)]
        return folder_card(self.image_shape, self.classes, self.train_count, self.test_count)


def cache_folder() -> Path:
    """Return the folder for what can be made again: ``$TTQ_BENCH_CACHE`` or the user's cache."""
    if given := os.environ.get("TTQ_BENCH_CACHE"):
        return Path(os.path.expanduser(given))  # noqa: PTH111 - that of pathlib may raise
    base = os.environ.get("XDG_CACHE_HOME") or home_folder("TTQ_BENCH_CACHE") / ".cache"
    return Path(base) / "ttq-bench"


def prepared_folder(identity: Identity, cache: Path) -> Path:
    """Return where the decoded images are kept; another decoder has a folder of its own."""
    digest = identity.fingerprint.partition(":")[2][:16]
    return cache / "prepared" / f"{identity.name}-{digest}-torchvision{version('torchvision')}"


def identify(source: Source, cache: Path) -> Identity:
    """Return the identity of ``source``; ``DataError`` for files that are not what they claim."""
    if source.dataset == FOLDER:
        return _remembered(source, cache, lambda: _folder_identity(source))
    if is_streamed(source.dataset):
        return _remembered(source, cache, lambda: _streamed_identity(source))
    card = DATASETS[source.dataset]
    if source.archive is not None:
        if source.is_present:
            _remembered(source, cache, lambda: _verified(source))
        # All published forms hold the same pixels, so they share one fingerprint.
        fingerprint = fingerprint_of(card.archives[-1] if card.archives else source.archive)
        return Identity(source.dataset, fingerprint, card.train_count, card.test_count)
    if source.kind == "bundled":
        from ttq_bench.data.formats.digits import digits_sha256  # numpy, which submit spares

        return Identity(
            source.dataset, f"sha256:{digits_sha256()}", card.train_count, card.test_count
        )
    return _remembered(source, cache, lambda: _read_identity(source))


def _verified(source: Source) -> Identity:
    assert source.archive is not None
    check_files(source.archive, source.train)
    return Identity(source.archive.files[0].file_name, fingerprint_of(source.archive), 0, 0)


def _read_identity(source: Source) -> Identity:
    from ttq_bench.data.formats.encoded import (  # pyarrow: once
        check_sizes,
        encoding_of,
        split_sizes,
    )
    from ttq_bench.data.formats.parquet_files import check_labels, class_count

    card = DATASETS[source.dataset]
    train_count, test_count = split_sizes(source)
    if train_count > card.train_count or test_count > card.test_count:
        raise DataError(
            f"{source.train[0].parent}: {train_count:,} training and {test_count:,} test images,"
            f" {source.dataset} has {card.train_count:,} and {card.test_count:,}: these are other"
            " images; name the right folder with --data-dir"
        )
    encoding = encoding_of(source, card.image_shape[1:])
    complete = (train_count, test_count) == (card.train_count, card.test_count)
    classes = class_count(source) if source.kind == "parquet" else card.classes  # sources.py looked
    if classes > card.classes or (complete and classes < card.classes):
        raise DataError(
            f"{source.train[0].parent}: images of {classes} classes, {source.dataset} has"
            f" {card.classes}: these are other images; name the right folder with --data-dir"
        )
    if source.kind == "parquet":
        check_labels(source, card.classes)
    check_sizes(source, card.image_shape[1:])
    name = f"{source.dataset}-{encoding}" + ("" if complete else "-subset")
    return Identity(name, f"sha256:{_content_digest(source)}", train_count, test_count)


def _folder_identity(source: Source) -> Identity:
    from ttq_bench.data.formats.encoded import look_at_folder, split_sizes  # pyarrow: as above

    image_shape, lines = look_at_folder(source)
    counts = split_sizes(source)
    classes = [path.name for path in source.train]
    folder = re.sub(r"[^A-Za-z0-9._-]+", "_", source.train[0].parent.parent.resolve().name)
    # Hashed with the files: which classes there are, and where one split ends.
    content = _digest([*classes, *map(str, (*counts, *image_shape)), *lines])
    return Identity(
        f"{FOLDER}-{folder[:MOST_LETTERS] or 'root'}", f"sha256:{content}", *counts,
        image_shape, len(classes),
    )  # fmt: skip


def _streamed_identity(source: Source) -> Identity:
    if source.kind == "folders":
        found = list_folders(source.train, source.test)
    else:
        from ttq_bench.data.formats.encoded import split_sizes  # pyarrow: as above
        from ttq_bench.data.formats.parquet_files import check_labels, open_parquet
        from ttq_bench.data.streaming.image_files import ShardFiles

        split_sizes(source)  # an error where one of them has no row
        train, test = (ShardFiles(paths).labels.tolist() for paths in (source.train, source.test))
        names = class_names(open_parquet(source.train[0]).schema_arrow.metadata, 1 + max(train))
        check_labels(source, len(names))
        found = list_shards(source.train + source.test, (train, test), names)
    card = DATASETS[source.dataset]
    counts = found.train_count, found.test_count
    if (*counts, found.classes) == (card.train_count, card.test_count, card.classes):
        return Identity(found.name, found.fingerprint, *counts)
    return Identity(found.name, found.fingerprint, *counts, card.image_shape, found.classes)


def _files(source: Source) -> list[Path]:
    paths = source.train + source.test
    # A class folder changes its own time when a file in it comes or goes; asking for the time of
    # each of ImageNet's files would take minutes on a shared disk.
    if source.kind != "folders" or is_streamed(source.dataset):
        return list(paths)
    return [file for folder in paths for file in class_folder_files(folder)]


def _content_digest(source: Source) -> str:
    lines = (f"{path.parent.name}/{path.name} {file_digest(path)}" for path in _files(source))
    return _digest(lines)


def _remembered(source: Source, cache: Path, look: Callable[[], Identity]) -> Identity:
    stats = ((path, path.stat()) for path in _files(source))
    key = _digest(
        [FORMAT, source.dataset]
        + [
            f"{path.resolve()} {stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns} {stat.st_ino}"
            for path, stat in stats
        ]
    )
    path = cache / "identities" / f"{key}.json"
    if (known := _kept(path)) is not None:
        return known
    identity = look()
    with contextlib.suppress(OSError):  # a cache that cannot be written costs time, nothing else
        write_atomically(path, json.dumps(asdict(identity)).encode())
    return identity


def _kept(path: Path) -> Identity | None:
    """Return the answer in a file of the cache; None if it is not there, or is not one."""
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        shape = fields.pop("image_shape", None)
        found = Identity(**fields, image_shape=None if shape is None else tuple(shape))
        texts = NAME.fullmatch(found.name), FINGERPRINT.fullmatch(found.fingerprint)
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return None
    counts = [found.train_count, found.test_count, found.classes, *(found.image_shape or (1,) * 3)]
    whole = len(counts) == SHOWN_COUNTS and all(type(count) is int for count in counts)
    return found if all(texts) and whole else None


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
