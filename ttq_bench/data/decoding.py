"""From any source to arrays of pixels: uint8 images [N, H, W, C] and int64 labels [N]."""

import re
import warnings
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.io import ImageReadMode, decode_image

from ttq_bench.data.catalog import DATASETS, ImagesCard
from ttq_bench.data.formats.archives import READERS, Arrays
from ttq_bench.data.formats.digits import read_digits
from ttq_bench.data.formats.encoded import EncodedImage, encoded_images
from ttq_bench.data.formats.image_kinds import PNG_SIGNATURE, by, check_size, checked_header
from ttq_bench.data.formats.png import BrokenPngError, png_pixels, turns_grey
from ttq_bench.data.sources import Source
from ttq_bench.errors import DataError

MOST_PIXELS = 1 << 27  # of an image of any size: 0.4 GB; the largest of ImageNet has half of that
# torchvision 0.29 announces that its decoders will move to another package.
MOVED = "The image decoding"
MODES = {1: ImageReadMode.GRAY, 3: ImageReadMode.RGB}


def read_split(source: Source, split: str, card: ImagesCard | None = None) -> Arrays:
    """Return the images and labels of ``train`` or ``test``, checked against the dataset's card.

    ``card`` is that of ``DATASETS``, but for an image folder, which has its own.
    """
    card = card or DATASETS[source.dataset]
    if source.kind == "bundled":
        images, labels = read_digits(split)
    elif source.archive is not None:
        images, labels = READERS[source.archive.layout](source.train, split)
    else:
        images, labels = _decode_all(source, split, card.image_shape)
    channels, height, width = card.image_shape
    where = (source.train or (Path(source.dataset),))[0].parent
    if images.shape[1:] != (height, width, channels):
        raise DataError(
            f"{where}: images are {images.shape[1:]}, {source.dataset} has {card.image_shape}"
        )
    if labels.min() < 0 or labels.max() >= card.classes:
        raise DataError(
            f"{where}: labels run from {labels.min()} to {labels.max()},"
            f" {source.dataset} has 0 to {card.classes - 1}"
        )
    return images, labels


def _decode_all(source: Source, split: str, image_shape: tuple[int, int, int]) -> Arrays:
    images: list[NDArray[np.uint8]] = []
    labels: list[int] = []
    for image in encoded_images(source, split):
        images.append(_decode(image, image_shape))
        labels.append(image.label)
    if not images:
        raise DataError(f"{source.train[0].parent}: no images in {split}")
    return np.stack(images), np.asarray(labels, dtype=np.int64)


def _decode(image: EncodedImage, image_shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Return the pixels [H, W, C] of one image; its header is checked first."""
    channels, size = image_shape[0], image_shape[1:]
    check_size(image.content, image.where, size)
    pixels = _decoded(image.content, image.where, channels)
    _, height, width = pixels.shape
    if (height, width) != size:
        raise DataError(f"{image.where} has {by((height, width))} pixels, expected {by(size)}")
    decoded: NDArray[np.uint8] = pixels.permute(1, 2, 0).numpy()
    return decoded


def decode_any_size(content: bytes, where: str) -> Tensor:
    """Return the pixels [3, H, W] of an encoded image; ``DataError`` that names ``where``."""
    height, width = checked_header(content, where).size
    if height * width > MOST_PIXELS:
        raise DataError(f"{where} is {height}x{width} pixels, more than {MOST_PIXELS:,}")
    return _decoded(content, where, 3)


def _decoded(content: bytes, where: str, channels: int) -> Tensor:
    if content.startswith(PNG_SIGNATURE):
        try:
            becomes_grey = turns_grey(content, channels)
            read = png_pixels(content, 3 if becomes_grey else channels)
        except BrokenPngError as error:
            raise DataError(f"{where} cannot be decoded ({error})") from error
        if not becomes_grey:
            return torch.from_numpy(read.copy()).permute(2, 0, 1)
    try:
        buffer = torch.frombuffer(bytearray(content), dtype=torch.uint8)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", MOVED, DeprecationWarning)
            pixels: Tensor = decode_image(buffer, mode=MODES[channels])
    except (RuntimeError, ValueError) as error:
        # The decoder's message holds a path of the machine it was built on.
        reason = re.sub(r"/\S+:\d+, ", "", str(error).splitlines()[0])
        raise DataError(f"{where} cannot be decoded ({reason})") from error
    if pixels.dtype != torch.uint8:
        raise DataError(f"{where} has more than 8 bits a pixel")
    return pixels
