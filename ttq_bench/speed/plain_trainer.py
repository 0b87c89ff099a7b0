"""A trainer as it is usually published: per-image transforms, loader workers, fp32, NCHW.

What P1 compares with. Written here after the common pattern (an image at a time through
``torchvision.transforms``, ``DataLoader`` with four workers, SGD with momentum), not after one
repository. Nothing in the suite trains with it.
"""

import warnings
from collections.abc import Iterator
from itertools import chain, repeat

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms
from torchvision.transforms.functional import to_pil_image

LOADER_WORKERS = 4
MEAN, DEVIATION = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)  # of CIFAR-10, as is usual


class PlainImages(Dataset[tuple[Tensor, int]]):
    """Images as a list of pictures, each of them cropped, flipped and normalised on its own."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        """Take uint8 images [N, H, W, C] and labels [N]."""
        self.pictures = [to_pil_image(image.permute(2, 0, 1)) for image in images]
        self.labels, channels = labels.tolist(), images.shape[-1]
        self.transform = transforms.Compose(
            [
                transforms.RandomCrop(images.shape[1], padding=4),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(MEAN[:channels], DEVIATION[:channels]),
            ]
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(self.pictures[index]), self.labels[index]


class PlainTrainer:
    """Steps of such a trainer, one after the other, epoch after epoch."""

    def __init__(
        self, model: nn.Module, images: PlainImages, *, batch_size: int, device: torch.device
    ) -> None:
        torch.backends.cudnn.benchmark = True  # on a GPU, as most of them do
        self.model = model.to(device)
        self.device = device
        self.optimizer = torch.optim.SGD(
            model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4
        )
        with warnings.catch_warnings():  # as many workers as usual, on machines of few cores, too
            warnings.filterwarnings("ignore", message="This DataLoader will create")
            self.loader = DataLoader(
                images, batch_size, shuffle=True, num_workers=LOADER_WORKERS, drop_last=True,
                pin_memory=device.type == "cuda", persistent_workers=True,
            )  # fmt: skip
            iter(self.loader)  # starts the workers, which stay
        self.batches: Iterator[tuple[Tensor, Tensor]] = chain.from_iterable(repeat(self.loader))

    @property
    def ready_ahead(self) -> int:
        """Batches that the workers may have made before they are asked for."""
        return LOADER_WORKERS * (self.loader.prefetch_factor or 0)

    def step(self) -> None:
        """Train one step."""
        images, labels = next(self.batches)
        images, labels = images.to(self.device), labels.to(self.device)
        loss = F.cross_entropy(self.model(images), labels)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
