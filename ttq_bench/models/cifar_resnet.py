"""Residual networks for 32x32 images (He et al. 2015, section 4.2).

Names of modules as in the common checkpoints: ``conv1, bn1, layer1.0.conv1, ..., linear``.
Shapes: N images, C channels, H height, W width.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ttq_bench.models.initial import draw_weights_


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with batch normalisation around an identity shortcut without weights."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels_out)
        self.stride = stride
        self.added_channels = channels_out - channels_in

    def forward(self, images: Tensor) -> Tensor:
        """Map [N, C_in, H, W] to [N, C_out, H/stride, W/stride]."""
        hidden = F.relu(self.bn1(self.conv1(images)), inplace=True)
        return F.relu(self.bn2(self.conv2(hidden)).add_(self.shortcut(images)), inplace=True)

    def shortcut(self, images: Tensor) -> Tensor:
        """Return every ``stride``-th pixel, with zeros for the channels that are new (option A)."""
        if self.stride == 1 and self.added_channels == 0:
            return images
        return with_new_channels(images[:, :, :: self.stride, :: self.stride], self.added_channels)


def with_new_channels(images: Tensor, count: int) -> Tensor:
    """Return the images between ``count`` channels of zeros, half before and half behind."""
    before = count // 2
    return F.pad(images, (0, 0, 0, 0, before, count - before))


def blocks_per_stage(depth: int) -> int:
    """Return n for a network of ``depth`` = 6n + 2 layers."""
    blocks, rest = divmod(depth - 2, 6)
    assert rest == 0, f"depth {depth} is not 6n + 2"
    return blocks


class CifarResNet(nn.Module):
    """ResNet of ``depth`` = 6n + 2 layers: three stages of n blocks with 16, 32 and 64 channels.

    Weights are drawn as in He et al. 2015 (normal, fan in).
    """

    def __init__(self, depth: int, classes: int) -> None:
        super().__init__()
        blocks = blocks_per_stage(depth)
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = _stage(16, 16, blocks, stride=1)
        self.layer2 = _stage(16, 32, blocks, stride=2)
        self.layer3 = _stage(32, 64, blocks, stride=2)
        self.linear = nn.Linear(64, classes)
        draw_weights_(self)

    def forward(self, images: Tensor) -> Tensor:
        """Map images [N, 3, 32, 32] to logits [N, classes]."""
        hidden = F.relu(self.bn1(self.conv1(images)), inplace=True)
        hidden = self.layer3(self.layer2(self.layer1(hidden)))
        logits: Tensor = self.linear(torch.mean(hidden, dim=(2, 3)))
        return logits


def _stage(channels_in: int, channels_out: int, blocks: int, stride: int) -> nn.Sequential:
    first = BasicBlock(channels_in, channels_out, stride)
    rest = [BasicBlock(channels_out, channels_out, 1) for _ in range(blocks - 1)]
    return nn.Sequential(first, *rest)
