"""What the scales and codes of a converted network are at one moment."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ttq_bench.ternary.conversion import latent_of, quantized_layers, quantizer_of
from ttq_bench.ternary.gradients import Pair, codes_of
from ttq_bench.ternary.quantizers import Quantizer


@dataclass(frozen=True, slots=True)
class LayerStatistics:
    """One converted layer: shares of the three codes (they add up to 1), scales, and their ratio.

    ``rho`` is ln(W_p / W_n), the only combination of the scales that a batch normalisation behind
    the layer cannot undo; it is nan where a scale is not positive. Scales, rho and threshold of
    output channels are averaged. ``smallest_scale`` is the least of them all.
    """

    layer: str
    weight_count: int
    positive_scale: float
    negative_scale: float
    rho: float
    positive_share: float
    zero_share: float
    negative_share: float
    threshold: float
    feeds_batch_norm: str
    smallest_scale: float


def layer_statistics(model: torch.nn.Module) -> list[LayerStatistics]:
    """Return the statistics of each converted layer in network order (none: an empty list)."""
    return statistics_and_codes(model)[0]


@torch.no_grad()
def statistics_and_codes(model: torch.nn.Module) -> tuple[list[LayerStatistics], list[Tensor]]:
    """Return the statistics of each converted layer, and its codes (-1, 0 or +1, int8).

    All numbers are read at once: a GPU waits during each reading.
    """
    layers = [
        (name, quantizer_of(layer), latent_of(layer)) for name, layer in quantized_layers(model)
    ]
    if not layers:
        return [], []
    on_device, codes = [], []
    for _, quantizer, latent in layers:
        normalised, sets, scales = quantizer.parts(latent)
        on_device.append(_numbers(quantizer, normalised, sets, scales))
        codes.append(codes_of(sets))
    numbers = torch.split(torch.cat(on_device).cpu(), [len(values) for values in on_device])
    statistics = [
        _statistics(name, quantizer.feeds_batch_norm, latent.numel(), values.tolist())
        for (name, quantizer, latent), values in zip(layers, numbers, strict=True)
    ]
    return statistics, codes


def _numbers(quantizer: Quantizer, normalised: Tensor, sets: Pair, scales: Pair) -> Tensor:
    """Return counts, mean scales, threshold, least scale, all W_p and all W_n [6 + 2N]."""
    values = [
        *(members.count_nonzero() for members in sets),
        *(scale.mean() for scale in scales),
        quantizer.threshold(normalised).mean(),
        torch.minimum(*scales).min(),  # nan stays
        *(scale.flatten() for scale in scales),
    ]
    return torch.cat([value.reshape(-1).double() for value in values])


def _statistics(name: str, feeds: str, count: int, numbers: Sequence[float]) -> LayerStatistics:
    positives, negatives, positive_scale, negative_scale, threshold, smallest, *scales = numbers
    pairs = list(zip(scales[: len(scales) // 2], scales[len(scales) // 2 :], strict=True))
    return LayerStatistics(
        layer=name,
        weight_count=count,
        positive_scale=positive_scale,
        negative_scale=negative_scale,
        rho=sum(log_ratio(*pair) for pair in pairs) / len(pairs),
        positive_share=positives / count,
        zero_share=(count - positives - negatives) / count,
        negative_share=negatives / count,
        threshold=threshold,
        feeds_batch_norm=feeds,
        smallest_scale=smallest,
    )


def log_ratio(positive_scale: float, negative_scale: float) -> float:
    """Return ln(W_p / W_n), or nan where one of them is not positive."""
    if positive_scale > 0 and negative_scale > 0:
        return math.log(positive_scale / negative_scale)
    return math.nan


def sparsity(statistics: list[LayerStatistics]) -> float:
    """Return the share of zeros over all converted weights together (nan without any)."""
    total = sum(layer.weight_count for layer in statistics)
    zeros = sum(layer.zero_share * layer.weight_count for layer in statistics)
    return zeros / total if total else math.nan
