"""Images decoded once a machine and kept as plain arrays that all trials map into memory.

The operating system shares the pages of a mapped file between processes, so k trials on one
machine decode nothing twice and read one copy, whether Ray started them or not.
"""

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ttq_bench.data.catalog import ImagesCard
from ttq_bench.data.formats.archives import Arrays
from ttq_bench.data.identity import prepared_folder
from ttq_bench.data.sources import Source
from ttq_bench.errors import DataError
from ttq_bench.files import file_digest, held_alone

SPLITS = ("train", "test")
ARRAYS = tuple(f"{split}_{kind}" for split in SPLITS for kind in ("images", "labels"))


@dataclass(frozen=True, slots=True)
class Images:
    """What is known of a trial's images, whether they lie in memory or are read batch by batch.

    ``mean`` and ``deviation`` are those of each channel over the training images, in units of
    0..255; ``pixels_sha256`` tells how they are decoded on this machine.
    """

    card: ImagesCard
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    pixels_sha256: str


@dataclass(frozen=True, slots=True)
class ImageSet(Images):
    """Images uint8 [N, H, W, C] and labels int64 [N] of both splits, on the host.

    ``pixels_sha256`` is the hash over all arrays.
    """

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor


@dataclass(frozen=True, slots=True)
class Packed:
    """The arrays of an ``ImageSet`` by name, and the manifest with their hashes."""

    arrays: dict[str, NDArray[Any]]
    manifest: str


def load_images(source: Source, card: ImagesCard, cache: Path) -> ImageSet:
    """Return the images of ``source``, decoding them into ``cache`` if no trial did so before."""
    return _made_once(card, cache, lambda folder: _decode(folder, source, card))


def pack_images(card: ImagesCard, cache: Path) -> Packed | None:
    """Return decoded images as they are sent to another machine, None if ``cache`` has none."""
    folder = prepared_folder(card, cache)
    if _loaded(folder, card) is None:
        return None
    arrays = {name: np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r")) for name in ARRAYS}
    return Packed(arrays, (folder / "manifest.json").read_text(encoding="utf-8"))


def keep_images(card: ImagesCard, cache: Path, packed: Packed) -> ImageSet:
    """Keep images that another machine has decoded, unless they are there, and return them.

    Raises ``DataError`` where they cannot be kept, or are not what their manifest says.
    """

    def unpack(folder: Path) -> None:
        for name in ARRAYS:
            np.save(folder / f"{name}.npy", packed.arrays[name])
        (folder / "manifest.json").write_text(packed.manifest, encoding="utf-8")

    try:
        return _made_once(card, cache, unpack)
    except ValueError as error:
        raise DataError(f"{card.name}: images came damaged ({error})") from error


def kept_images(card: ImagesCard, cache: Path) -> ImageSet | None:
    """Return decoded images whose source is not on this machine, None if they are not either."""
    return _loaded(prepared_folder(card, cache), card)


def _made_once(card: ImagesCard, cache: Path, write: Callable[[Path], None]) -> ImageSet:
    """Return the images in ``cache``; where they are not, let ``write`` fill a folder first."""
    folder = prepared_folder(card, cache)
    if (images := _loaded(folder, card)) is not None:
        return images
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Others wait here for the first, which decodes.
        with held_alone(folder.parent / f"{folder.name}.lock"):
            if (images := _loaded(folder, card)) is not None:
                return images
            _fill(folder, write)
    except OSError as error:
        raise DataError(
            f"{folder}: decoded images cannot be kept there ({error.strerror or error}); set"
            " TTQ_BENCH_CACHE to a folder that can be written, on a disk with room for them"
        ) from error
    return _load(folder, card)


def _loaded(folder: Path, card: ImagesCard) -> ImageSet | None:
    try:
        return _load(folder, card)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None  # not prepared yet, or damaged: make it again


def _load(folder: Path, card: ImagesCard) -> ImageSet:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    for name in ARRAYS:
        if file_digest(folder / f"{name}.npy") != manifest["sha256"][f"{name}.npy"]:
            raise ValueError(f"{folder / name} changed on disk")
    # numpy refuses pickles here.
    arrays = {
        name: torch.from_numpy(np.load(folder / f"{name}.npy", mmap_mode="c")) for name in ARRAYS
    }
    return ImageSet(
        card=card,
        **arrays,
        mean=tuple(manifest["mean"]),
        deviation=tuple(manifest["deviation"]),
        pixels_sha256=manifest["pixels_sha256"],
    )


def _decode(folder: Path, source: Source, card: ImagesCard) -> None:
    from ttq_bench.data.decoding import read_split  # torchvision: 3 s, only for who decodes

    arrays = {split: read_split(source, split, card) for split in SPLITS}
    train, test = (len(labels) for _, labels in arrays.values())
    # A file may say another number of rows than it has. An archive was verified by its hash.
    is_checked = source.kind in ("parquet", "folders")
    if is_checked and (train, test) != (card.train_count, card.test_count):
        raise DataError(
            f"{source.train[0].parent}: {card.train_count:,} training and {card.test_count:,} test"
            f" images were counted, but there are {train:,} and {test:,}; fetch the files again"
        )
    _write(folder, arrays)


def _fill(folder: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill ``folder``, which appears whole or not at all.

    Call it with the lock held: what a killed process left of this folder is deleted first.
    """
    ours = re.compile(rf"\.{re.escape(folder.name)}\.[a-z0-9_]{{8}}")  # as mkdtemp names them
    for left in folder.parent.iterdir():
        if ours.fullmatch(left.name):
            shutil.rmtree(left, ignore_errors=True)  # which leaves a link alone
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        write(temporary)
        if folder.exists():
            shutil.rmtree(folder)  # damaged, or this code would not be here
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write(folder: Path, arrays: dict[str, Arrays]) -> None:
    digests = {}
    for split, (images, labels) in arrays.items():
        for name, array in ((f"{split}_images", images), (f"{split}_labels", labels)):
            np.save(folder / f"{name}.npy", array)
            digests[f"{name}.npy"] = file_digest(folder / f"{name}.npy")
    pixels = arrays["train"][0].reshape(-1, arrays["train"][0].shape[-1])
    # Whole-number sums, so that every machine finds the same statistics.
    levels = np.arange(256, dtype=np.float64)
    counts = [np.bincount(channel, minlength=256) for channel in pixels.T]
    means = [float(count @ levels / count.sum()) for count in counts]
    deviations = [
        float(np.sqrt(count @ (levels - mean) ** 2 / count.sum()))
        for count, mean in zip(counts, means, strict=True)
    ]
    manifest = {
        "sha256": digests,
        "mean": means,
        "deviation": deviations,
        "pixels_sha256": hashlib.sha256(
            "".join(digests[name] for name in sorted(digests)).encode()
        ).hexdigest(),
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2), encoding="utf-8")
