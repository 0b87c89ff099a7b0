"""From an encoded image of any size to 224x224 pixels: plain, or augmented from a seed of its own.

Training: ``resized_crop_flip`` is a crop of 8 to 100 % of the image with sides of 3:4 to 4:3 (as
fb.resnet.torch and torchvision do it), and a flip by chance. ``scaled_crop_flip`` is that of the
released AlexNet (``tw-imagenet-alexnet.py``): the short edge brought to 224 to 307 pixels and each
edge stretched by 0.85 to 1.15, never larger than the image is but for an edge below 224, bicubic
without filter; a crop, and a flip. Evaluation: short edge 256, centre crop 224.
Shapes: C channels, H height, W width.
"""

import torch
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2.functional import resize

from ttq_bench.data.decoding import decode_any_size
from ttq_bench.data.streaming.image_files import SIZE

SHORT_EDGE = 256
SCALED_EDGES = (224, 308)  # of the released code, the second one excluded
STRETCH = (0.85, 1.15)

PLAIN = v2.Compose([v2.Resize(SHORT_EDGE, antialias=True), v2.CenterCrop(SIZE)])
FLIP = v2.RandomHorizontalFlip()
AUGMENTATIONS = {
    "resized_crop_flip": v2.Compose([v2.RandomResizedCrop(SIZE, antialias=True), FLIP]),
    "scaled_crop_flip": v2.Compose([v2.RandomCrop(SIZE), FLIP]),
}


def cropped(content: bytes, where: str, augmentation: str, seed: int) -> Tensor:
    """Return uint8 pixels [224, 224, 3] of an encoded image; ``none`` is the crop of evaluation.

    The same ``seed`` gives the same pixels in every process; torch's own stream is left as it was.
    Raises ``DataError`` that names ``where`` for an image that cannot be decoded.
    """
    pixels = decode_any_size(content, where)
    if augmentation == "none":
        return _packed(PLAIN(pixels))
    with torch.random.fork_rng(devices=[]):  # transforms draw from torch's global stream alone
        torch.default_generator.manual_seed(seed)
        if augmentation == "scaled_crop_flip":
            pixels = _scaled(pixels)
        return _packed(AUGMENTATIONS[augmentation](pixels))


def _scaled(pixels: Tensor) -> Tensor:
    edges = pixels.shape[1:]
    scale = int(torch.randint(*SCALED_EDGES, ())) / min(edges)
    low, high = STRETCH
    stretched = [edge * scale * (low + (high - low) * float(torch.rand(()))) for edge in edges]
    size = [max(SIZE, min(edge, int(to))) for edge, to in zip(edges, stretched, strict=True)]
    resized: Tensor = resize(pixels, size, InterpolationMode.BICUBIC, antialias=False)
    return resized


def _packed(pixels: Tensor) -> Tensor:
    return pixels.permute(1, 2, 0).contiguous()
