"""What the scales and codes of a converted network are at one moment."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ttq_bench.ternary.conversion import latent_of, quantized_layers, quantizer_of
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


@torch.no_grad()
def layer_statistics(model: torch.nn.Module) -> list[LayerStatistics]:
    """Return the statistics of each converted layer in network order (none: an empty list)."""
    return [
        _statistics(name, quantizer_of(layer), latent_of(layer))
        for name, layer in quantized_layers(model)
    ]


def _statistics(name: str, quantizer: Quantizer, latent: Tensor) -> LayerStatistics:
    normalised, (positive, negative), (positive_scale, negative_scale) = quantizer.parts(latent)
    count = latent.numel()
    positives, negatives = int(positive.count_nonzero()), int(negative.count_nonzero())
    pairs = list(
        zip(positive_scale.flatten().tolist(), negative_scale.flatten().tolist(), strict=True)
    )
    return LayerStatistics(
        layer=name,
        weight_count=count,
        positive_scale=float(positive_scale.mean()),
        negative_scale=float(negative_scale.mean()),
        rho=sum(log_ratio(*pair) for pair in pairs) / len(pairs),
        positive_share=positives / count,
        zero_share=(count - positives - negatives) / count,
        negative_share=negatives / count,
        threshold=float(quantizer.threshold(normalised).mean()),
        feeds_batch_norm=quantizer.feeds_batch_norm,
        smallest_scale=float(torch.minimum(positive_scale, negative_scale).min()),  # nan stays
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
