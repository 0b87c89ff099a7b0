"""AlexNet for 224x224 images as in TTQ's released code, which took it from DoReFa-Net's.

Known, from ``tw-imagenet-alexnet.py`` and its training log (github.com/czhu95/ternarynet): names,
widths, kernels, groups and the sizes of all activations; a first kernel of 12x12 pixels; batch
normalisation (momentum 0.9 in its words, 0.1 in torch's; epsilon 1e-4) instead of dropout, before
pooling and rectifier; no bias but in the last layer; 60,981,236 parameters, 12 of them scales.
Inferred: padding that says "SAME" there, from the sizes; the initial weights, from the defaults of
its framework, which draws them from a truncated normal distribution of the same deviation.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from ttq_bench.models.initial import draw_weights_

EPSILON = 1e-4
HIDDEN = 4096
PIXELS = 6 * 6


class AlexNet(nn.Module):
    """Five convolutions, three of them in two groups, and three dense layers.

    Weights are drawn by the number of their inputs (normal, fan in).
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv0 = nn.Conv2d(3, 96, 12, stride=4, bias=False)
        self.conv1 = nn.Conv2d(96, 256, 5, padding=2, groups=2, bias=False)
        self.bn1 = nn.BatchNorm2d(256, EPSILON)
        self.conv2 = nn.Conv2d(256, 384, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(384, EPSILON)
        self.conv3 = nn.Conv2d(384, 384, 3, padding=1, groups=2, bias=False)
        self.bn3 = nn.BatchNorm2d(384, EPSILON)
        self.conv4 = nn.Conv2d(384, 256, 3, padding=1, groups=2, bias=False)
        self.bn4 = nn.BatchNorm2d(256, EPSILON)
        self.fc0 = nn.Linear(256 * PIXELS, HIDDEN, bias=False)
        self.bnfc0 = nn.BatchNorm1d(HIDDEN, EPSILON)
        self.fc1 = nn.Linear(HIDDEN, HIDDEN, bias=False)
        self.bnfc1 = nn.BatchNorm1d(HIDDEN, EPSILON)
        self.fct = nn.Linear(HIDDEN, classes)
        draw_weights_(self)

    def forward(self, images: Tensor) -> Tensor:
        """Map images [N, 3, 224, 224] to logits [N, classes]."""
        hidden = F.relu(self.conv0(images))
        # "SAME" there: 54 pixels get one more at the end, 27 one on either side.
        hidden = F.relu(F.max_pool2d(self.bn1(self.conv1(hidden)), 3, 2, ceil_mode=True))
        hidden = F.relu(F.max_pool2d(self.bn2(self.conv2(hidden)), 3, 2, padding=1))
        hidden = F.relu(self.bn3(self.conv3(hidden)))
        hidden = F.relu(F.max_pool2d(self.bn4(self.conv4(hidden)), 3, 2))
        hidden = F.relu(self.bnfc0(self.fc0(hidden.flatten(1))))
        hidden = F.relu(self.bnfc1(self.fc1(hidden)))
        logits: Tensor = self.fct(hidden)
        return logits
