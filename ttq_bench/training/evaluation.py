"""Error and loss of a network on held-out images."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ttq_bench.training.bfloat16 import SinglePrecisionConvolutions, needs_detour


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Share of wrong answers in percent, and mean cross entropy in nats."""

    error_percent: float
    loss: float


@torch.no_grad()
def evaluate(
    model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], precision: str
) -> Evaluation:
    """Return error and loss over all ``batches`` (images [B, C, H, W], labels [B]).

    Nothing is read before the last batch: a GPU would stand still each time.
    """
    model.eval()
    wrong, losses, count = [], [], 0
    for images, labels in batches:
        with autocast(images.device, precision):
            logits = model(images)
        logits = logits.float()
        wrong.append((logits.argmax(1) != labels).sum())
        losses.append(F.cross_entropy(logits, labels, reduction="sum"))
        count += len(labels)
    model.train()
    loss = sum(torch.stack(losses).tolist())
    return Evaluation(100 * int(torch.stack(wrong).sum()) / count, loss / count)


@contextmanager
def autocast(device: torch.device, precision: str) -> Iterator[None]:
    """Return the context in which the forward pass runs: bfloat16 where the recipe says so.

    Where it says fp32, GPUs may not shorten the inputs of convolutions to TF32's ten bits.
    """
    low = precision == "bf16"
    if device.type == "cuda":
        torch.backends.cudnn.conv.fp32_precision = "tf32" if low else "ieee"  # type: ignore[attr-defined]
    detour = SinglePrecisionConvolutions() if low and needs_detour(device) else nullcontext()
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=low), detour:
        yield
