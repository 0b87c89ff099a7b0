"""VGG-7 for 32x32 images, on which ternary weight networks (TWN) were tried with CIFAR-10.

TWN (Li et al. 2016, section 3.1) print "2x(128-C3) + MP2 + 2x(256-C3) + MP2 + 2x(512-C3) + MP2 +
1024-FC + Softmax" in blocks of convolution, batch normalisation and rectifier (figure 1): the
network of BinaryConnect without its second dense layer. Padding, and the dense layer that gives the
logits, are as in their code (github.com/Thinklab-SJTU/twns, ``litenet.py``). Ours, stated nowhere:
no bias before batch normalisation, which would undo it, and the initial weights.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from ttq_bench.models.initial import draw_weights_

WIDTHS = (128, 256, 512)
HIDDEN = 1024
PIXELS = 4 * 4  # what three poolings leave of 32x32


class Vgg7(nn.Module):
    """Three pairs of 3x3 convolutions, each pair before a pooling, and two dense layers.

    TWN do not count the last layer. Weights are drawn as in He et al. 2015 (normal, fan in).
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.stage1 = _pair(3, WIDTHS[0])
        self.stage2 = _pair(WIDTHS[0], WIDTHS[1])
        self.stage3 = _pair(WIDTHS[1], WIDTHS[2])
        self.fc1 = nn.Linear(WIDTHS[2] * PIXELS, HIDDEN, bias=False)
        self.bn1 = nn.BatchNorm1d(HIDDEN)
        self.linear = nn.Linear(HIDDEN, classes)
        draw_weights_(self)

    def forward(self, images: Tensor) -> Tensor:
        """Map images [N, 3, 32, 32] to logits [N, classes]."""
        hidden = self.stage3(self.stage2(self.stage1(images)))
        hidden = F.relu(self.bn1(self.fc1(hidden.flatten(1))), inplace=True)
        logits: Tensor = self.linear(hidden)
        return logits


def _pair(channels_in: int, channels_out: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in (channels_in, channels_out):
        layers.append(nn.Conv2d(channels, channels_out, 3, padding=1, bias=False))
        layers += [nn.BatchNorm2d(channels_out), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, nn.MaxPool2d(2))
