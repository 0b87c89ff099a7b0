"""Warnings of two mistakes that show after a network's first training step.

An optimizer that was made before ``quantize_`` has the latent weights and not the scales. A delta
strategy that moves stays where it starts unless ``set_epoch_`` is called.

What changes latent weights without a backward pass (loading, ``nn.init``, averaging) is no step.
Scales of half precision are not compared: a small step may round to none. After the first step
nothing is compared any more, so that this costs nothing.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.utils.hooks import unserializable_hook

from ttq_bench.errors import QuantizationWarning
from ttq_bench.ternary.thresholds import SINGLE_BYTES

if TYPE_CHECKING:
    from ttq_bench.ternary.quantizers import Quantizer

NO_OPTIMIZER = (
    "a training step moved the latent weights and not the scales; make the optimizer after"
    " quantize_, from model.parameters(), with a learning rate above zero for scales"
)
NO_EPOCH = (
    "the delta strategy moves with the epochs, and was never told one: call"
    " set_epoch_(model, epoch, begins=True) at the beginning of each epoch, and"
    " set_epoch_(model, epochs_done) after loading a trained network"
)


class FirstSteps:
    """What the quantizers of one network share, so that each warning is given once."""

    def __init__(self) -> None:
        self.told: set[str] = set()

    def warn(self, sentence: str) -> None:
        """Warn, unless the same warning was given before."""
        if sentence not in self.told:
            self.told.add(sentence)
            warnings.warn(sentence, QuantizationWarning, stacklevel=2)


def look(quantizer: Quantizer, latent: Tensor, watch: FirstSteps) -> None:
    """Compare a layer that is about to be used with what it was; end after its first step."""
    moves = quantizer.strategy is not None and quantizer.strategy.moves
    if moves and quantizer.was_loaded and not quantizer.knows_epoch:
        watch.warn(NO_EPOCH)
    is_trained = quantizer.training and torch.is_grad_enabled() and latent.requires_grad
    if not is_trained or not latent.numel() or latent.is_meta or is_looked_at():
        return
    if latent.is_cuda and torch.cuda.is_current_stream_capturing():
        return
    if not is_torchs_own(latent):
        return
    # Values, since not all optimizers tell torch that they changed a tensor.
    now = (latent[0].detach().clone(), *(scale.detach().clone() for scale in _learned(quantizer)))
    before = quantizer.first_values
    if before is None or not quantizer.was_differentiated or _kinds(before) != _kinds(now):
        begin_anew(quantizer, now)
        return
    moved = [not _same(a, b) for a, b in zip(before, now, strict=True)]
    if not moved[0]:
        return
    if len(moved) > 1 and not any(moved[1:]):
        watch.warn(NO_OPTIMIZER)
    if moves and not quantizer.knows_epoch:
        watch.warn(NO_EPOCH)
    quantizer.watch = quantizer.first_values = None


def listen(quantizer: Quantizer, weights: Tensor) -> None:
    """Note it when a backward pass goes through weights that were just computed."""
    if quantizer.first_values is None or not weights.requires_grad or is_looked_at():
        return

    @unserializable_hook  # type: ignore[untyped-decorator]
    def note(gradient: Tensor) -> None:
        del gradient
        quantizer.was_differentiated = True

    weights.register_hook(note)  # type: ignore[no-untyped-call]


def begin_anew(quantizer: Quantizer, values: tuple[Tensor, ...] | None = None) -> None:
    """Compare with ``values`` from now on: something else than a step wrote the weights."""
    quantizer.first_values, quantizer.was_differentiated = values, False


def _kinds(values: tuple[Tensor, ...]) -> list[object]:
    return [(value.shape, value.dtype, value.device) for value in values]


def _same(before: Tensor, now: Tensor) -> bool:
    """Return whether no value changed; NaN, which is not equal to itself, stays NaN."""
    return torch.equal(before.nan_to_num(), now.nan_to_num())


def _learned(quantizer: Quantizer) -> list[nn.Parameter]:
    """Return the scales that a step has to move; one before a normalisation has no effect."""
    if quantizer.method.scales == "learned_one" and quantizer.feeds_batch_norm != "no":
        return []
    return [
        scale
        for scale in quantizer.parameters()
        if scale.requires_grad and scale.element_size() >= SINGLE_BYTES
    ]


def is_torchs_own(tensor: Tensor) -> bool:
    """Return whether a tensor is one of torch's own: no sharded one, no other subclass."""
    return type(tensor) in {Tensor, nn.Parameter}


def is_looked_at() -> bool:
    """Return whether a call is being compiled, exported, traced or transformed."""
    return (
        torch.compiler.is_compiling()
        or torch._C._are_functorch_transforms_active()
        or torch._C._len_torch_dispatch_stack() > 0
    )
