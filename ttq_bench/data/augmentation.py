"""Random crops and flips of a whole batch as one gather.

Shapes: N images, B of them in a batch, H height, W width, C channels, P margin.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

MARGIN = 4  # pixels of black on each side, as in He et al. 2015


class CropFlip:
    """Images padded once; each batch is cropped back at random places and flipped by chance."""

    def __init__(self, images: Tensor, margin: int = MARGIN) -> None:
        """Take uint8 images [N, H, W, C] and keep them padded, with one number a pixel."""
        _, self.height, self.width, self.channels = images.shape
        self.margin = margin
        self.padded = _pack(F.pad(images, (0, 0, margin, margin, margin, margin)))

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
        y = down[:, None] + torch.arange(self.height, device=rows.device)
        x = torch.arange(self.width, device=rows.device).expand(len(rows), -1)
        x = right[:, None] + torch.where(flip[:, None].bool(), self.width - 1 - x, x)
        _, padded_height, padded_width = self.padded.shape
        flat = (rows[:, None] * padded_height + y)[:, :, None] * padded_width + x[:, None, :]
        return _unpack(self.padded.view(-1)[flat], self.channels)


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
