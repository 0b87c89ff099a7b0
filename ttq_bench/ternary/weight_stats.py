"""What the scales and codes of a converted network are at one moment."""

import math
from dataclasses import dataclass

import torch
from torch import nn

from ttq_bench.ternary.conversion import latent_of, quantized_layers, quantizer_of


@dataclass(frozen=True, slots=True)
class LayerStatistics:
    """One converted layer: shares of the three codes (they add up to 1), scales, and their ratio.

    ``rho`` is ln(W_p / W_n), the only combination of the scales that a batch normalisation behind
    the layer cannot undo; it is nan where a scale is not positive.
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


@torch.no_grad()
def layer_statistics(model: nn.Module) -> list[LayerStatistics]:
    """Return the statistics of each converted layer in network order (none: an empty list)."""
    return [_statistics(name, layer) for name, layer in quantized_layers(model)]


def _statistics(name: str, layer: nn.Module) -> LayerStatistics:
    quantizer = quantizer_of(layer)
    latent = latent_of(layer)
    codes = quantizer.codes(latent)
    count = codes.numel()
    positives, negatives = int((codes > 0).sum()), int((codes < 0).sum())
    positive_scale, negative_scale = (
        float(quantizer.positive_scale),
        float(quantizer.negative_scale),
    )
    return LayerStatistics(
        layer=name,
        weight_count=count,
        positive_scale=positive_scale,
        negative_scale=negative_scale,
        rho=log_ratio(positive_scale, negative_scale),
        positive_share=positives / count,
        zero_share=(count - positives - negatives) / count,
        negative_share=negatives / count,
        threshold=float(quantizer.threshold(latent)),
        feeds_batch_norm=quantizer.feeds_batch_norm,
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
