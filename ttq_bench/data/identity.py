"""The card of a source, with its name in every table and its fingerprint in every trial id.

Only the published files, verified by their hashes, have the plain name. Everything else is named
after its encoding (``cifar10-jpeg``), and ``-subset`` is added when images are missing; an image
folder is ``folder-`` and its name. Cards are kept in the cache folder, keyed by path, size, number
and times of each file: that of its last change (ctime) cannot be set by hand.
"""

import contextlib
import os
import re
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from pydantic import TypeAdapter

from ttq_bench.data.catalog import DATASETS, FOLDER, ImagesCard, is_streamed, own_card
from ttq_bench.data.formats.class_folders import class_folder_files
from ttq_bench.data.published import check_files, fingerprint_of, lines_digest
from ttq_bench.data.sources import Source
from ttq_bench.data.streaming.imagenet import folders_card, shards_card
from ttq_bench.errors import DataError
from ttq_bench.files import file_digest, home_folder, write_atomically

FORMAT = "identity-7"  # raise it when the cards below change, or what is refused
# Patterns for a card in the cache: its name becomes the name of a folder.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
FINGERPRINT = re.compile(r"(md5|sha256):[0-9a-f]{32,64}")
CARD = TypeAdapter(ImagesCard)
MOST_LETTERS = 40  # of a folder's name, which becomes part of the names of files


def cache_folder() -> Path:
    """Return the folder for what can be made again: ``$TTQ_BENCH_CACHE`` or the user's cache."""
    if given := os.environ.get("TTQ_BENCH_CACHE"):
        return Path(os.path.expanduser(given))  # noqa: PTH111 - that of pathlib may raise
    base = os.environ.get("XDG_CACHE_HOME") or home_folder("TTQ_BENCH_CACHE") / ".cache"
    return Path(base) / "ttq-bench"


def prepared_folder(card: ImagesCard, cache: Path) -> Path:
    """Return where the decoded images are kept; another decoder has a folder of its own."""
    digest = card.fingerprint.partition(":")[2][:16]
    return cache / "prepared" / f"{card.name}-{digest}-torchvision{version('torchvision')}"


def identify(source: Source, cache: Path) -> ImagesCard:
    """Return the card of the images in ``source``; ``DataError`` if they are other images."""
    if source.kind == "bundled":
        from ttq_bench.data.formats.digits import digits_sha256  # numpy: only where it is needed

        return replace(DATASETS[source.dataset], fingerprint=f"sha256:{digits_sha256()}")
    if source.archive is not None and not source.is_present:
        return _published_card(source)
    if source.archive is not None:
        return _cached(source, cache, _verified_card)
    if source.dataset == FOLDER:
        return _cached(source, cache, _folder_card)
    return _cached(source, cache, _streamed_card if is_streamed(source.dataset) else _read_card)


def _published_card(source: Source) -> ImagesCard:
    assert source.archive is not None
    card = DATASETS[source.dataset]
    # All published forms hold the same pixels, so they share one fingerprint.
    archive = card.archives[-1] if card.archives else source.archive
    return replace(card, fingerprint=fingerprint_of(archive))


def _verified_card(source: Source) -> ImagesCard:
    assert source.archive is not None
    check_files(source.archive, source.train)
    return _published_card(source)


def _read_card(source: Source) -> ImagesCard:
    # pyarrow, which published files do not need
    from ttq_bench.data.formats.encoded import check_sizes, encoding_of, split_sizes
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
    # Class folders were counted when they were found.
    classes = class_count(source) if source.kind == "parquet" else card.classes
    if classes > card.classes or (complete and classes < card.classes):
        raise DataError(
            f"{source.train[0].parent}: images of {classes} classes, {source.dataset} has"
            f" {card.classes}: these are other images; name the right folder with --data-dir"
        )
    if source.kind == "parquet":
        check_labels(source, card.classes)
    check_sizes(source, card.image_shape[1:])
    content = lines_digest(
        f"{path.parent.name}/{path.name} {file_digest(path)}" for path in _files(source)
    )
    return replace(
        card,
        name=f"{source.dataset}-{encoding}" + ("" if complete else "-subset"),
        train_count=train_count,
        test_count=test_count,
        fingerprint=f"sha256:{content}",
    )


def _folder_card(source: Source) -> ImagesCard:
    from ttq_bench.data.formats.encoded import inspect_folder, split_sizes  # pyarrow: as above

    image_shape, lines = inspect_folder(source)
    counts = split_sizes(source)
    classes = [path.name for path in source.train]
    folder = re.sub(r"[^A-Za-z0-9._-]+", "_", source.train[0].parent.parent.resolve().name)
    # Hashed with the files: which classes there are, and where one split ends.
    content = lines_digest([*classes, *map(str, (*counts, *image_shape)), *lines])
    name = f"{FOLDER}-{folder[:MOST_LETTERS] or 'root'}"
    return own_card(name, image_shape, len(classes), *counts, fingerprint=f"sha256:{content}")


def _streamed_card(source: Source) -> ImagesCard:
    if source.kind == "folders":
        return folders_card(source.train, source.test)
    from ttq_bench.data.formats.encoded import split_sizes  # pyarrow: as above
    from ttq_bench.data.formats.parquet_files import check_labels, class_names
    from ttq_bench.data.streaming.image_files import ShardFiles

    split_sizes(source)  # an error where one of them has no row
    check_labels(source, DATASETS[source.dataset].classes)
    train, test = (ShardFiles(paths).labels.tolist() for paths in (source.train, source.test))
    names = class_names(source.train[0], 1 + max(train))
    check_labels(source, len(names))
    return shards_card(source.train + source.test, (train, test), names)


def _files(source: Source) -> list[Path]:
    paths = source.train + source.test
    # A class folder changes its own time when a file in it comes or goes; asking for the time of
    # each of ImageNet's files would take minutes on a shared disk.
    if source.kind != "folders" or is_streamed(source.dataset):
        return list(paths)
    return [file for folder in paths for file in class_folder_files(folder)]


def _cached(source: Source, cache: Path, make_card: Callable[[Source], ImagesCard]) -> ImagesCard:
    """Return the card that the cache holds for these files, or make it and keep it there."""
    stats = ((path, path.stat()) for path in _files(source))
    key = lines_digest(
        [FORMAT, source.dataset, repr(DATASETS.get(source.dataset))]
        + [
            f"{path.resolve()} {stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns} {stat.st_ino}"
            for path, stat in stats
        ]
    )
    path = cache / "identities" / f"{key}.json"
    if (kept := _cached_card(path)) is not None:
        return kept
    card = make_card(source)
    with contextlib.suppress(OSError):  # a cache that cannot be written costs time, nothing else
        write_atomically(path, CARD.dump_json(card))
    return card


def _cached_card(path: Path) -> ImagesCard | None:
    """Return the card in a file of the cache; None if it is not there, or is not one."""
    try:
        card = CARD.validate_json(path.read_bytes(), strict=True)
    except (OSError, ValueError):
        return None
    return card if NAME.fullmatch(card.name) and FINGERPRINT.fullmatch(card.fingerprint) else None
