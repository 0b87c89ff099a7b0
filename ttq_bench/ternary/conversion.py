"""Which layers become ternary, and which of them feed batch normalisation."""

from typing import get_args

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.nn.utils import parametrize

from ttq_bench.errors import TtqBenchError, unknown_name
from ttq_bench.ternary.methods import METHODS
from ttq_bench.ternary.quantizers import InitialScales, TrainedTernary
from ttq_bench.ternary.thresholds import check_strategy

WEIGHTED = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
NORMALISED = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


def quantize_(
    model: nn.Module,
    method: str,
    *,
    strategy: str = "max_fraction",
    number: float = 0.05,
    keep_first: bool = True,
    keep_last: bool = True,
    initial_scales: InitialScales = "ones",
    normalise_latent: bool = False,
) -> nn.Module:
    """Replace the weights of the chosen layers by ternary ones, in place, and return ``model``.

    Afterwards ``module.weight`` is the ternary tensor, ``module.parametrizations.weight.original``
    the latent one, and ``module.parametrizations.weight[0]`` owns ``positive_scale`` and
    ``negative_scale``. The first and the last weighted layer stay full precision unless told
    otherwise. ``normalise_latent`` divides each layer's latent weights by their largest magnitude
    once, before training. Raises ``TtqBenchError`` for unknown names, a number out of range, a
    model that is converted already, or one without a layer to convert.
    """
    if method not in METHODS:
        raise unknown_name("quantize_", "method", method, METHODS)
    if not METHODS[method].is_ternary:
        return model
    check_strategy("quantize_", strategy, number)
    if initial_scales not in get_args(InitialScales):
        raise unknown_name("quantize_", "initial_scales", initial_scales, get_args(InitialScales))
    names = layers_to_quantize(model, keep_first=keep_first, keep_last=keep_last)
    feeds = batch_norm_feeding(model)
    for name in names:
        layer = model.get_submodule(name)
        latent = layer.get_parameter("weight")
        quantizer = TrainedTernary(strategy, number, feeds_batch_norm=feeds.get(name, "unknown"))
        quantizer.to(latent.device)
        with torch.no_grad():
            if normalise_latent and (largest := latent.abs().max()) > 0:
                latent.div_(largest)
        quantizer.set_initial_scales(latent.detach(), initial_scales)
        parametrize.register_parametrization(layer, "weight", quantizer)
    return model


def layers_to_quantize(
    model: nn.Module, *, keep_first: bool = True, keep_last: bool = True
) -> list[str]:
    """Return the names of the layers to convert, in the order in which they are registered."""
    names = [name for name, module in model.named_modules() if isinstance(module, WEIGHTED)]
    converted = [name for name, _ in quantized_layers(model)]
    if converted:
        raise TtqBenchError(f"quantize_: layer {converted[0]!r} of the model is converted already")
    chosen = names[int(keep_first) : len(names) - int(keep_last)]
    if not chosen:
        raise TtqBenchError(
            f"quantize_: the model has {len(names)} weighted layers, none to convert"
        )
    return chosen


def quantized_layers(model: nn.Module) -> list[tuple[str, nn.Module]]:
    """Return name and module of each converted layer, in the order in which they are registered."""
    return [
        (name, module)
        for name, module in model.named_modules()
        if parametrize.is_parametrized(module, "weight")
    ]


def quantizer_of(layer: nn.Module) -> TrainedTernary:
    """Return the quantizer that owns a converted layer's scales."""
    quantizer = layer.parametrizations["weight"][0]  # type: ignore[index]
    assert isinstance(quantizer, TrainedTernary)
    return quantizer


def latent_of(layer: nn.Module) -> Tensor:
    """Return a converted layer's latent weights."""
    return layer.get_parameter("parametrizations.weight.original")


def batch_norm_feeding(model: nn.Module) -> dict[str, str]:
    """Return ``yes``, ``no`` or ``unknown`` for each layer: does it feed batch normalisation?

    Read off the traced graph: ``yes`` where every user of the layer's output is a batch
    normalisation, ``no`` where none lies anywhere behind it, ``unknown`` for all that is between
    and for layers whose uses differ. A model that cannot be traced gives an empty mapping.
    """
    try:
        graph = fx.symbolic_trace(model).graph
    except Exception:  # tracing runs the model's own code, which may raise anything
        return {}
    modules = dict(model.named_modules())

    def is_norm(node: fx.Node) -> bool:
        if node.op == "call_module":
            return isinstance(modules[str(node.target)], NORMALISED)
        return node.target is F.batch_norm

    answers: dict[str, str] = {}
    for node in graph.nodes:
        if node.op == "call_module" and isinstance(modules[str(node.target)], WEIGHTED):
            if node.users and all(is_norm(user) for user in node.users):
                answer = "yes"
            else:
                answer = "unknown" if any(map(is_norm, _downstream(node))) else "no"
            known = answers.setdefault(str(node.target), answer)
            if known != answer:  # a shared layer: one node a use
                answers[str(node.target)] = "unknown"
    return answers


def _downstream(node: fx.Node) -> set[fx.Node]:
    found: set[fx.Node] = set()
    waiting = list(node.users)
    while waiting:
        user = waiting.pop()
        if user not in found:
            found.add(user)
            waiting.extend(user.users)
    return found
