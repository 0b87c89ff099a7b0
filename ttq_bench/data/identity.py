"""What a source is: the name it bears in every table, and the fingerprint in every trial id.

Only the published archive, verified by its hash, bears the plain name. Everything else is named
after its encoding (``cifar10-jpeg``), and ``-subset`` is added when images are missing. Answers
are kept in the cache folder, keyed by path, size and time of change of each file.
"""

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from ttq_bench.data.catalog import DATASETS, Archive
from ttq_bench.data.sources import Source, class_folder_files
from ttq_bench.errors import DataError
from ttq_bench.files import file_digest, write_atomically

FORMAT = "identity-2"  # raise it when the answers below change
# What a kept answer may say: its name becomes the name of a folder.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
FINGERPRINT = re.compile(r"(md5|sha256):[0-9a-f]{32,64}")


@dataclass(frozen=True, slots=True)
class Identity:
    """``name`` stands in tables and summary; ``fingerprint`` changes when any image byte does."""

    name: str
    fingerprint: str
    train_count: int
    test_count: int


def cache_folder() -> Path:
    """Return the folder for what can be made again: ``$TTQ_BENCH_CACHE`` or the user's cache."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("TTQ_BENCH_CACHE") or Path(base) / "ttq-bench")


def prepared_folder(identity: Identity, cache: Path) -> Path:
    """Return where the decoded images are kept; another decoder has a folder of its own."""
    digest = identity.fingerprint.partition(":")[2][:16]
    return cache / "prepared" / f"{identity.name}-{digest}-torchvision{version('torchvision')}"


def identify(source: Source, cache: Path) -> Identity:
    """Return the identity of ``source``; ``DataError`` for files that are not what they claim."""
    card = DATASETS[source.dataset]
    if source.archive is not None:
        if source.is_present:
            _remembered(source, cache, lambda: _verified(source.train[0], source.archive))
        # Both published archives hold the same pixels, so they share one fingerprint.
        return Identity(
            source.dataset, f"md5:{card.archives[-1].md5}", card.train_count, card.test_count
        )
    if source.kind == "bundled":
        return Identity(source.dataset, _bundled_digits(), card.train_count, card.test_count)
    return _remembered(source, cache, lambda: _read_identity(source))


def _verified(path: Path, archive: Archive | None) -> Identity:
    assert archive is not None
    given = file_digest(path, "md5")
    if given != archive.md5:
        raise DataError(
            f"{path}: md5 is {given}, the published file has {archive.md5}"
            f" ({path.stat().st_size:,} of {archive.size_bytes:,} bytes);"
            " delete it and run `ttq-bench data fetch` again"
        )
    return Identity(archive.file_name, f"md5:{given}", 0, 0)


def _bundled_digits() -> str:
    package = find_spec("sklearn")
    if package is None or package.origin is None:
        raise DataError("digits: scikit-learn is not installed; run `make install`")
    return f"sha256:{file_digest(Path(package.origin).parent / 'datasets/data/digits.csv.gz')}"


def _read_identity(source: Source) -> Identity:
    from ttq_bench.data.encoded import encoding_of, split_sizes  # pyarrow: only on a first look

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
    name = f"{source.dataset}-{encoding}" + ("" if complete else "-subset")
    return Identity(name, f"sha256:{_content_digest(source)}", train_count, test_count)


def _files(source: Source) -> list[Path]:
    paths = source.train + source.test
    if source.kind != "folders":
        return list(paths)
    return [file for folder in paths for file in class_folder_files(folder)]


def _content_digest(source: Source) -> str:
    lines = (f"{path.parent.name}/{path.name} {file_digest(path)}" for path in _files(source))
    return _digest(lines)


def _remembered(source: Source, cache: Path, look: Callable[[], Identity]) -> Identity:
    stats = ((path, path.stat()) for path in _files(source))
    key = _digest(
        [FORMAT, source.dataset]
        + [f"{path.resolve()} {stat.st_size} {stat.st_mtime_ns}" for path, stat in stats]
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
        found = Identity(**json.loads(path.read_text(encoding="utf-8")))
        texts = NAME.fullmatch(found.name), FINGERPRINT.fullmatch(found.fingerprint)
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    counts = (found.train_count, found.test_count)
    return found if all(texts) and all(type(count) is int for count in counts) else None


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
