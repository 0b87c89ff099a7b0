"""LeNet-5 for 28x28 digits (LeCun et al. 1998), with max pooling and ReLU as used today."""

import torch.nn.functional as F
from torch import Tensor, nn


class LeNet5(nn.Module):
    """Two 5x5 convolutions (6 and 16 channels) and three dense layers (120, 84, classes).

    It keeps torch's own initial weights.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.linear = nn.Linear(84, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Map images [N, 1, 28, 28] to logits [N, classes]."""
        hidden = F.max_pool2d(F.relu(self.conv1(images)), 2)
        hidden = F.max_pool2d(F.relu(self.conv2(hidden)), 2).flatten(1)
        hidden = F.relu(self.fc2(F.relu(self.fc1(hidden))))
        logits: Tensor = self.linear(hidden)
        return logits
