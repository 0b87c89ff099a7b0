"""Other ratios of the two scales of a layer, and batch normalisation estimated anew.

sqrt(W_p W_n) for both keeps the product of the scales and makes rho = ln(W_p / W_n) zero; any other
rho is set in the same way. The statistics of batch normalisation belong to the scales as trained,
so without new ones the network would be measured with wrong means, and the harm of these would be
taken for that of the scales.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn

from ttq_bench.batch_norm import NORMALISED
from ttq_bench.ternary.conversion import quantizer_of
from ttq_bench.training.evaluation import autocast

Kind = Literal["doubled", "zero or doubled", "permuted", "common"]
DRAWS = 5
SEED = 0  # the same draws for every trial
Move = tuple[Kind, int, list[Tensor]]


def rho_of(layer: nn.Module) -> Tensor:
    """Return ln(W_p / W_n) of a layer, float64: a scalar, or one value a channel."""
    positive, negative = _scales(layer)
    return (positive.double() / negative.double()).log()


def set_rho_(layer: nn.Module, rho: Tensor | float) -> None:
    """Give a layer scales with this ln(W_p / W_n) and the product that they have."""
    positive, negative = _scales(layer)
    # The product of two float32 is exact in float64, so equal scales stay what they are.
    mean = (positive.double() * negative.double()).sqrt()
    half = torch.as_tensor(rho, dtype=mean.dtype, device=mean.device) / 2
    positive.copy_(mean * half.exp())
    negative.copy_(mean * (-half).exp())


def moves(rhos: Sequence[Tensor]) -> Iterator[Move]:
    """Yield kind, number of the draw and new rho of each layer, for all moves of a probe.

    A probe compares them with equal scales: if a network is merely tuned to its scales, any change
    of them costs as much as one of the same size that makes them equal.
    ``rhos`` are the trained ones: one number a layer; or one a channel, and then they are not
    permuted and have no common value.
    """
    generator = torch.Generator().manual_seed(SEED)
    yield "doubled", 0, [2 * rho for rho in rhos]
    for draw in range(DRAWS):
        kept = torch.randint(0, 2, (len(rhos),), generator=generator)
        yield (
            "zero or doubled",
            draw,
            [2 * int(keep) * rho for keep, rho in zip(kept, rhos, strict=True)],
        )
    if any(rho.numel() > 1 for rho in rhos) or len(rhos) == 1:
        return
    for draw in range(DRAWS):
        order = torch.randperm(len(rhos), generator=generator).tolist()
        yield "permuted", draw, [rhos[index] for index in order]
    mean = torch.stack(list(rhos)).mean()
    yield "common", 0, [mean for _ in rhos]


def rms_change(before: Sequence[Tensor], after: Sequence[Tensor]) -> float:
    """Return the root mean square over layers of the change of rho, channels averaged first."""
    squares = [((b - a) ** 2).mean() for a, b in zip(before, after, strict=True)]
    return float(torch.stack(squares).mean().sqrt())


@contextmanager
def symmetrised(
    layers: Sequence[nn.Module], rhos: Sequence[Tensor] | None = None
) -> Iterator[None]:
    """Give each layer equal scales, or scales with ``rhos``; on leaving, its own back to the bit.

    All scales must be learned pairs and positive. By channel where the layer has a pair for each.
    """
    pairs = [_scales(layer) for layer in layers]
    trained = [(positive.clone(), negative.clone()) for positive, negative in pairs]
    try:
        for index, layer in enumerate(layers):
            set_rho_(layer, rhos[index] if rhos else 0.0)
        yield
    finally:
        for now, before in zip(pairs, trained, strict=True):
            now[0].copy_(before[0])
            now[1].copy_(before[1])


def _scales(layer: nn.Module) -> tuple[Tensor, Tensor]:
    quantizer = quantizer_of(layer)
    assert quantizer.method.scales == "learned_pair", quantizer.method
    assert quantizer.positive_scale is not None
    assert quantizer.negative_scale is not None
    return quantizer.positive_scale.detach(), quantizer.negative_scale.detach()


def batch_norms(model: nn.Module) -> list[nn.Module]:
    """Return the batch normalisations that keep running statistics."""
    return [
        module
        for module in model.modules()
        if isinstance(module, NORMALISED) and module.track_running_stats
    ]


@torch.no_grad()
def reestimate_batch_norm_(model: nn.Module, batches: Iterable[Tensor], precision: str) -> None:
    """Replace the running statistics by the averages of those of ``batches`` (B, C, H, W each).

    Every batch counts the same, so they should be of one size. All other modules stay in
    evaluation mode, and so does the whole network afterwards.
    """
    norms = batch_norms(model)
    momenta = [norm.momentum for norm in norms]
    model.eval()
    for norm in norms:
        norm.reset_running_stats()  # type: ignore[operator]
        norm.momentum = None  # type: ignore[assignment]  # torch's way to say: plain average
        norm.train()
    try:
        for images in batches:
            with autocast(images.device, precision):
                model(images)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        model.eval()


@contextmanager
def left_as_it_was(model: nn.Module) -> Iterator[None]:
    """Restore parameters, buffers and modes of ``model`` on leaving, to the bit."""
    state = {name: value.clone() for name, value in model.state_dict().items()}
    modes = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        model.load_state_dict(state)
        for module, training in modes:
            module.training = training
