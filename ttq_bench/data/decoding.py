"""From any source to arrays of pixels: uint8 images [N, H, W, C] and int64 labels [N]."""

import re
import warnings
from collections.abc import Iterable, Iterator
from itertools import islice
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
from ttq_bench.data.formats.headers import PNG_SIGNATURE, size_told
from ttq_bench.data.formats.png import BrokenPngError, png_pixels, turns_grey
from ttq_bench.data.sources import Source
from ttq_bench.errors import DataError

CHUNK_IMAGES = 1024
MOST_PIXELS = 1 << 27  # of an image of any size: 0.4 GB; the largest of ImageNet has half of that
# torchvision 0.29 announces that its decoders will move to another package.
MOVED = "The image decoding"
MODES = {1: ImageReadMode.GRAY, 3: ImageReadMode.RGB}


def read_split(source: Source, split: str, card: ImagesCard | None = None) -> Arrays:
    """Return the images and labels of ``train`` or ``test``, checked against the dataset's card.

    Only an image folder needs to be told its card.
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
    channels, height, width = image_shape
    images: list[NDArray[np.uint8]] = []
    labels: list[int] = []
    for chunk in _chunks(encoded_images(source, split), CHUNK_IMAGES):
        block = np.empty((len(chunk), height, width, channels), dtype=np.uint8)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", MOVED, DeprecationWarning)
            for row, image in enumerate(chunk):
                block[row] = _decode(image, channels, (height, width))
                labels.append(image.label)
        images.append(block)
    if not images:
        raise DataError(f"{source.train[0].parent}: no images in {split}")
    return np.concatenate(images), np.asarray(labels, dtype=np.int64)


def _decode(image: EncodedImage, channels: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the pixels of one image; its header is asked first: a decoder believes any size."""
    told = size_told(image.content, image.where)
    if told != size:
        raise DataError(f"{image.where} is {told} pixels, expected {size}")
    pixels = _decoded(image.content, image.where, channels)
    if tuple(pixels.shape[1:]) != size:
        raise DataError(f"{image.where} is {tuple(pixels.shape[1:])} pixels, expected {size}")
    decoded: NDArray[np.uint8] = pixels.permute(1, 2, 0).numpy()
    return decoded


def decode_any_size(content: bytes, where: str) -> Tensor:
    """Return the pixels [3, H, W] of an encoded image; ``DataError`` that names ``where``."""
    height, width = size_told(content, where)
    if height * width > MOST_PIXELS:
        raise DataError(f"{where} is {height}x{width} pixels, more than {MOST_PIXELS:,}")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", MOVED, DeprecationWarning)
        return _decoded(content, where, 3)


def _decoded(content: bytes, where: str, channels: int) -> Tensor:
    if content.startswith(PNG_SIGNATURE):
        try:
            read = png_pixels(
                content, 3 if (weighed := turns_grey(content, channels)) else channels
            )
        except BrokenPngError as error:
            raise DataError(f"{where} cannot be decoded ({error})") from error
        if not weighed:
            return torch.from_numpy(read.copy()).permute(2, 0, 1)
    try:
        buffer = torch.frombuffer(bytearray(content), dtype=torch.uint8)
        pixels: Tensor = decode_image(buffer, mode=MODES[channels])
    except (RuntimeError, ValueError) as error:
        # The decoder's message holds a path of the machine it was built on.
        reason = re.sub(r"/\S+:\d+, ", "", str(error).splitlines()[0])
        raise DataError(f"{where} cannot be decoded ({reason})") from error
    if pixels.dtype != torch.uint8:
        raise DataError(f"{where} has more than 8 bits a pixel")
    return pixels


def _chunks(images: Iterable[EncodedImage], size: int) -> Iterator[list[EncodedImage]]:
    iterator = iter(images)
    while chunk := list(islice(iterator, size)):
        yield chunk
