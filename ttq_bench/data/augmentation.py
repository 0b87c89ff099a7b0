"""Random crops and flips of a whole batch as one gather.

Shapes: N images, B of them in a batch, H height, W width, C channels, P margin.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

MARGIN = 4  # pixels of black on each side, as in He et al. 2015


class CropFlip:
    """Batches of images, cropped at random places of their padded selves and flipped by chance."""

    def __init__(self, images: Tensor, margin: int = MARGIN) -> None:
        """Take uint8 images [N, H, W, C]; they are looked up when needed and never changed."""
        _, self.height, self.width, self.channels = images.shape
        self.margin = margin
        self.images = images

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Return the places and flips of one batch, int64 [3, B], on the host.

        They are drawn there so that every device sees the same crops; a whole epoch's draws are
        moved to a GPU at once, because each move makes the host wait.
        """
        places = 2 * self.margin + 1
        return torch.stack(
            [torch.randint(most, (count,), generator=generator) for most in (places, places, 2)]
        )

    def batch(self, rows: Tensor, draws: Tensor) -> Tensor:
        """Return the images ``rows`` [B], cropped and flipped by ``draws``: uint8 [B, H, W, C]."""
        down, right, flip = draws
        # Only a batch is padded: of all images at once it would be a copy of 288 MB for each trial.
        padded = F.pad(_pack(self.images.index_select(0, rows)), (self.margin,) * 4)
        y = down[:, None] + torch.arange(self.height, device=rows.device)
        x = torch.arange(self.width, device=rows.device).expand(len(rows), -1)
        x = right[:, None] + torch.where(flip[:, None].bool(), self.width - 1 - x, x)
        _, padded_height, padded_width = padded.shape
        first = torch.arange(len(rows), device=rows.device)[:, None] * padded_height
        flat = ((first + y) * padded_width)[:, :, None] + x[:, None, :]
        pixels = padded.view(-1).index_select(0, flat.view(-1)).view(flat.shape)
        return _unpack(pixels, self.channels)


def _pack(images: Tensor) -> Tensor:
    """Join the channels of a pixel into one 32-bit number, so that a gather moves pixels whole."""
    channels = images.shape[-1]
    if channels == 1:
        return images[..., 0].contiguous()
    return F.pad(images, (0, 4 - channels)).contiguous().view(torch.int32)[..., 0]


def _unpack(pixels: Tensor, channels: int) -> Tensor:
    if channels == 1:
        return pixels[..., None]
    return pixels[..., None].view(torch.uint8)[..., :channels]
