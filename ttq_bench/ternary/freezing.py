"""From a converted network to a plain one with its ternary weights: to save, send and deploy."""

from typing import Any

import torch
from torch import nn

from ttq_bench.ternary.conversion import latent_of, quantized_layers, quantizer_of
from ttq_bench.ternary.fused.rows import unfuse_
from ttq_bench.ternary.own_weight import WEIGHT, check_alone


@torch.no_grad()
def freeze_(model: nn.Module) -> nn.Module:
    """Make the quantized weights the weights of plain layers, in place, and return ``model``.

    Latent weights, scales and thresholds are gone, so that it cannot be trained on as it was:
    freeze a copy (``copy.deepcopy``) to go on. It answers as before to the bit, and pickles and
    exports as any network of torch's layers. One without quantized layers stays as it is.
    """
    layers = quantized_layers(model)
    for _, layer in layers:
        check_alone(layer)
    unfuse_(model)
    for _, layer in layers:
        latent = latent_of(layer)
        weights = quantizer_of(layer)(latent).detach().clone(memory_format=torch.preserve_format)
        del layer.parametrizations[WEIGHT]  # type: ignore[operator,union-attr]
        layer.__class__ = _without_weight(layer)
        if not layer.parametrizations:
            del layer.parametrizations
        layer.register_parameter(WEIGHT, nn.Parameter(weights, latent.requires_grad))
    return model


def _without_weight(layer: nn.Module) -> type[nn.Module]:
    """Return the class of a layer whose weights have no parametrization any more.

    Torch's own way takes the property off the class, which copies of the layer share.
    """
    made: Any = type(layer)
    plain: type[nn.Module] = made.__bases__[0]
    if not layer.parametrizations:
        return plain
    # Another tensor of the layer is parametrized: the class that torch made, but for the weight.
    others = {"__getstate__", "__deepcopy__", *layer.parametrizations.keys()}  # type: ignore[operator,union-attr]
    return type(made.__name__, (plain,), {k: v for k, v in vars(made).items() if k in others})
