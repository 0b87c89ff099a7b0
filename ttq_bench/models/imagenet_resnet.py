"""ResNet-18 for 224x224 images (He et al. 2015, table 1), as it is and with more filters.

Names of modules, operations and initial weights as in torchvision, so its checkpoints load and give
the same logits to the bit: ``conv1, bn1, layer1.0.conv1, ..., layer2.0.downsample.0, ..., fc``.
Where a shortcut changes its size it is a 1x1 convolution with batch normalisation (option B).

Two networks are called **ResNet-18B**, and table 3 of TTQ has figures of both. Its 34.7/13.8 % for
TWN are those of TWN's ResNet-18B, which has "1.5x" the filters in each block (Li et al. 2016,
section 3.1: 65.3/86.2 % right, and in full precision 67.6/88.0). Its 30.4/10.8 % for full precision
are those of fb.resnet.torch's ResNet-18 (30.43/10.76), whose shortcuts are of option B. Which of
them TTQ trained is not known; ``resnet18b`` is TWN's, and ``resnet18`` is the other one.
Shapes: N images, C channels, H height, W width.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from ttq_bench.models.initial import draw_weights_

WIDTH, WIDTH_B = 64, 96


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with batch normalisation around a shortcut of option B."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels_out)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1:
            projection = nn.Conv2d(channels_in, channels_out, 1, stride, bias=False)
            self.downsample = nn.Sequential(projection, nn.BatchNorm2d(channels_out))

    def forward(self, images: Tensor) -> Tensor:
        """Map [N, C_in, H, W] to [N, C_out, H/stride, W/stride]."""
        hidden = F.relu(self.bn1(self.conv1(images)), inplace=True)
        hidden = self.bn2(self.conv2(hidden))
        return F.relu(hidden.add_(self.downsample(images)), inplace=True)


class ImageNetResNet(nn.Module):
    """ResNet-18: four stages of two blocks with ``width``, 2, 4 and 8 times ``width`` channels.

    Weights are drawn as in torchvision (normal, fan out, for convolutions).
    """

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = _stage(width, width, stride=1)
        self.layer2 = _stage(width, 2 * width, stride=2)
        self.layer3 = _stage(2 * width, 4 * width, stride=2)
        self.layer4 = _stage(4 * width, 8 * width, stride=2)
        self.fc = nn.Linear(8 * width, classes)
        draw_weights_(self, nn.Conv2d, "fan_out")

    def forward(self, images: Tensor) -> Tensor:
        """Map images [N, 3, 224, 224] to logits [N, classes]."""
        hidden = F.relu(self.bn1(self.conv1(images)), inplace=True)
        hidden = F.max_pool2d(hidden, 3, stride=2, padding=1)
        hidden = self.layer4(self.layer3(self.layer2(self.layer1(hidden))))
        logits: Tensor = self.fc(F.adaptive_avg_pool2d(hidden, 1).flatten(1))
        return logits


def _stage(channels_in: int, channels_out: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        BasicBlock(channels_in, channels_out, stride), BasicBlock(channels_out, channels_out, 1)
    )
