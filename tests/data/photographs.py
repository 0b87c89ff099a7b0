"""Small real JPEG files in ImageNet's folder layout."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("n01440764", "n01443537", "n01484850")


def photograph(number: int, size: tuple[int, int] = (60, 40), mode: str = "RGB") -> bytes:
    """Return a JPEG file: a gradient and a square whose place tells the number."""
    width, height = size
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    pixels[..., 0] = np.linspace(0, 255, width, dtype=np.uint8)
    pixels[..., 1] = np.linspace(0, 255, height, dtype=np.uint8)[:, None]
    row, column = (number * 7) % (height - 8), (number * 11) % (width - 8)
    pixels[row : row + 8, column : column + 8, 2] = 255
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def write_imagenet(folder: Path, train: int = 4, val: int = 2, classes=CLASSES) -> Path:
    """Write ``train`` and ``val`` images of each class, of two sizes, and return ``folder``."""
    number = 0
    for split, count in (("train", train), ("val", val)):
        for name in classes:
            place = folder / split / name
            place.mkdir(parents=True)
            for image in range(count):
                content = photograph(number, (60, 40) if image % 2 else (48, 64))
                (place / f"{name}_{image}.JPEG").write_bytes(content)
                number += 1
    return folder
