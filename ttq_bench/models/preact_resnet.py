"""Pre-activation residual networks for 32x32 images, as in TTQ's released code.

Batch normalisation and rectifier stand before each convolution (He et al. 2016); the shortcut
averages 2x2 pixels where the stride is two, and pads new channels with zeros. Names of modules as
in ``cifar_resnet.py``, with ``bn_last`` before the pooling. Only the first convolution of a block
feeds batch normalisation: the second adds to the shortcut.
Shapes: N images, C channels, H height, W width.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ttq_bench.models.cifar_resnet import blocks_per_stage, with_new_channels
from ttq_bench.models.initial import draw_weights_


class PreActivationBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut; the very first block takes activated images."""

    def __init__(
        self, channels_in: int, channels_out: int, stride: int, *, activated: bool = False
    ) -> None:
        super().__init__()
        self.bn1 = nn.Identity() if activated else nn.BatchNorm2d(channels_in)
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.activated = activated
        self.stride = stride
        self.added_channels = channels_out - channels_in

    def forward(self, images: Tensor) -> Tensor:
        """Map [N, C_in, H, W] to [N, C_out, H/stride, W/stride]."""
        hidden = images if self.activated else F.relu(self.bn1(images))
        hidden = F.relu(self.bn2(self.conv1(hidden)))
        return torch.add(self.conv2(hidden), self.shortcut(images))

    def shortcut(self, images: Tensor) -> Tensor:
        """Return the images, averaged over 2x2 pixels and padded with channels where they grow."""
        if self.stride == 1 and self.added_channels == 0:
            return images
        return with_new_channels(F.avg_pool2d(images, self.stride), self.added_channels)


class PreActivationResNet(nn.Module):
    """ResNet of ``depth`` = 6n + 2 layers: three stages of n blocks with 16, 32 and 64 channels.

    Convolutions are drawn as in the released code (normal, fan out).
    """

    def __init__(self, depth: int, classes: int) -> None:
        super().__init__()
        blocks = blocks_per_stage(depth)
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = _stage(16, 16, blocks, stride=1, activated=True)
        self.layer2 = _stage(16, 32, blocks, stride=2)
        self.layer3 = _stage(32, 64, blocks, stride=2)
        self.bn_last = nn.BatchNorm2d(64)
        self.linear = nn.Linear(64, classes)
        draw_weights_(self, nn.Conv2d, "fan_out")

    def forward(self, images: Tensor) -> Tensor:
        """Map images [N, 3, 32, 32] to logits [N, classes]."""
        hidden = F.relu(self.bn1(self.conv1(images)))
        hidden = self.layer3(self.layer2(self.layer1(hidden)))
        logits: Tensor = self.linear(torch.mean(F.relu(self.bn_last(hidden)), dim=(2, 3)))
        return logits


def _stage(
    channels_in: int, channels_out: int, blocks: int, *, stride: int, activated: bool = False
) -> nn.Sequential:
    first = PreActivationBlock(channels_in, channels_out, stride, activated=activated)
    rest = [PreActivationBlock(channels_out, channels_out, 1) for _ in range(blocks - 1)]
    return nn.Sequential(first, *rest)
