"""Error and loss of a network on held-out images."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ttq_bench.ranks import ALONE, Ranks
from ttq_bench.training.bfloat16 import SinglePrecisionConvolutions, needs_detour

TOP = 5
BATCH, GPU_BATCH = 1000, 2500  # a GPU waits for each operation to be called
GPU_CHANNELS = 16 * GPU_BATCH  # of the first convolution, whose output is the largest


def batch_size(model: nn.Module) -> int:
    """Return how many images are evaluated at a time: more on a GPU where they are cheap."""
    if next(model.parameters()).device.type != "cuda":
        return BATCH
    first = next((m.out_channels for m in model.modules() if isinstance(m, nn.Conv2d)), 1)
    return max(BATCH, min(GPU_BATCH, GPU_CHANNELS // first))


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Share of wrong answers in percent, and mean cross entropy in nats.

    ``top5_error_percent`` counts an answer as wrong where the label is not among the five largest
    logits; None where nobody asked for it.
    """

    error_percent: float
    loss: float
    top5_error_percent: float | None = None


@torch.no_grad()
def evaluate(
    model: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    precision: str,
    *,
    top5: bool = False,
    ranks: Ranks = ALONE,
) -> Evaluation:
    """Return error and loss over all ``batches`` (images [B, C, H, W], labels [B]) of all ranks.

    Nothing is read before the last batch: a GPU would stand still each time.
    """
    model.eval()
    wrong, wrong5, losses, count = [], [], [], 0
    for images, labels in batches:
        with autocast(images.device, precision):
            logits = model(images)
        logits = logits.float()
        wrong.append((logits.argmax(1) != labels).sum())
        if top5:
            right = logits.topk(TOP, dim=1).indices == labels[:, None]
            wrong5.append((~right.any(1)).sum())
        losses.append(F.cross_entropy(logits, labels, reduction="sum"))
        count += len(labels)
    model.train()
    own = [sum(torch.stack(part).tolist()) if part else 0.0 for part in (wrong, wrong5, losses)]
    missed, missed5, loss, images_seen = ranks.sums([*own, count])
    share5 = 100 * missed5 / images_seen if top5 else None
    return Evaluation(100 * missed / images_seen, loss / images_seen, share5)


@contextmanager
def autocast(device: torch.device, precision: str) -> Iterator[None]:
    """Return the context in which the forward pass runs: bfloat16 where the recipe says so.

    Where it says fp32, GPUs may not shorten the inputs of convolutions to TF32's ten bits. For each
    shape cuDNN tries its kernels once and keeps the fastest, not the one that it guesses: a step of
    ResNet-20 took 1.77 instead of 2.08 ms on an H200.
    """
    low = precision == "bf16"
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True
        torch.backends.cudnn.conv.fp32_precision = "tf32" if low else "ieee"  # type: ignore[attr-defined]
    detour = SinglePrecisionConvolutions() if low and needs_detour(device) else nullcontext()
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=low), detour:
        yield
