"""Which layers feed batch normalisation, read off the traced graph, never guessed from names.

A layer *feeds* one when multiplying its weights by a positive constant (by channel: those of each
output channel by its own) changes nothing: then only the ratio of its scales has an effect. This
file knows nothing of quantization.
"""

import operator
from dataclasses import dataclass, replace
from typing import Literal

import torch
import torch.nn.functional as F
from torch import fx, nn

FedAnswer = Literal["yes", "no", "unknown"]
WEIGHTED = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
NORMALISED = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
# A factor on a channel is a factor on the same channel behind; so is a constant (a bias before).
POOLED = (
    nn.Identity, nn.MaxPool2d, nn.AdaptiveMaxPool2d, nn.AdaptiveAvgPool2d, F.max_pool2d,
    F.adaptive_avg_pool2d, "contiguous",
)  # fmt: skip
# The same, except that a bias before it is not undone by the normalisation behind.
HOMOGENEOUS = (
    nn.ReLU, nn.LeakyReLU, nn.Dropout, nn.Dropout2d, nn.AvgPool2d, F.relu, F.leaky_relu, F.dropout,
    F.avg_pool2d, torch.relu, "relu", "relu_",
)  # fmt: skip
MIXED = (nn.Flatten, torch.flatten, torch.mean, "flatten", "view", "reshape", "mean", *WEIGHTED)
# Beside another term, or before a curve, the size of the output matters.
SIZE_MATTERS = (
    operator.add, operator.iadd, torch.add, "add", "add_", nn.Sigmoid, nn.Tanh, nn.GELU, nn.SiLU,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Way:
    """From a layer on: ``fragile`` if mixing channels spoils it, ``channels`` to match."""

    modules: dict[str, nn.Module]
    training: bool
    bias: bool
    fragile: bool
    channels: int | None


def batch_norm_feeding(model: nn.Module, *, by_channel: bool = False) -> dict[str, FedAnswer]:
    """Return ``yes``, ``no`` or ``unknown`` for each weighted layer, in the order of their use.

    ``yes`` where every way from the layer reaches a batch normalisation in training through
    rectifiers, pooling, concatenation, layers without bias and the like alone; ``no`` where a way
    meets a sum or the end first; ``unknown`` for anything else, and for a layer whose uses differ.
    A model that cannot be traced gives an empty mapping.
    """
    try:
        graph = fx.symbolic_trace(model).graph
    except Exception:  # tracing runs the model's own code, which may raise anything
        return {}
    modules = dict(model.named_modules())
    answers: dict[str, FedAnswer] = {}
    for node in graph.nodes:
        layer = modules.get(str(node.target)) if node.op == "call_module" else None
        if isinstance(layer, WEIGHTED):
            bias = layer.bias is not None
            way = _Way(modules, model.training, bias, bias or by_channel, len(layer.weight))
            answer = _join([_answer(user, node, way) for user in node.users])
            known = answers.setdefault(str(node.target), answer)
            if known != answer:  # a shared layer: one node a use
                answers[str(node.target)] = "unknown"
    return answers


def _answer(user: fx.Node, node: fx.Node, way: _Way) -> FedAnswer:
    what = way.modules[str(user.target)] if user.op == "call_module" else user.target
    if isinstance(what, NORMALISED) or what is F.batch_norm:
        return "yes" if _undoes_size(what, user, node, way) else "unknown"
    if _is(what, HOMOGENEOUS) and way.bias:
        return "no"
    if what is torch.cat:  # side by side with channels that the layer does not scale
        sound = 1 in (*user.args[1:], user.kwargs.get("dim"))
        way = replace(way, fragile=True, channels=None)
    elif _is(what, MIXED):
        either = way.bias or getattr(what, "bias", None) is not None
        sound = not (way.fragile or either)
        way = replace(way, bias=either, channels=None)
    elif _is(what, POOLED) or _is(what, HOMOGENEOUS):
        sound = True
    else:
        return "no" if user.op == "output" or _is(what, SIZE_MATTERS) else "unknown"
    behind = _join([_answer(next_, user, way) for next_ in user.users])
    return behind if sound or behind == "no" else "unknown"


def _undoes_size(what: object, user: fx.Node, node: fx.Node, way: _Way) -> bool:
    if isinstance(what, NORMALISED):
        matches = not way.fragile or way.channels in (None, what.num_features)
        return matches and what.training == way.training
    named = dict(zip(("weight", "bias", "training"), user.args[3:6], strict=False)) | user.kwargs
    return user.args[:1] == (node,) and named.get("training") is True


def _join(found: list[FedAnswer]) -> FedAnswer:
    """One way on which the size matters settles it; an unused layer feeds nothing."""
    return "no" if "no" in found or not found else "unknown" if "unknown" in found else "yes"


def _is(what: object, kinds: tuple[object, ...]) -> bool:
    return what in kinds or isinstance(
        what, tuple(kind for kind in kinds if isinstance(kind, type))
    )
