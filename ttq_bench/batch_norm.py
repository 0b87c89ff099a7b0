"""Which layers feed batch normalisation, read off the traced graph, never guessed from names.

A layer *feeds* one when multiplying its weights by a positive constant (by channel: those of each
output channel by its own) changes nothing: then only the ratio of its scales has an effect. This
file knows nothing of quantization. How a model is traced: ``traced.py``.
"""

import operator
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import torch
import torch.nn.functional as F
from torch import fx, nn

from ttq_bench.traced import traced

FedAnswer = Literal["yes", "no", "unknown"]
End = Literal["output", "softmax"]
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
MIXED = (
    nn.Flatten, torch.flatten, torch.mean, torch.transpose, "flatten", "unflatten", "view",
    "reshape", "transpose", "mean", *WEIGHTED,
)  # fmt: skip
ANY_NORM = (
    *NORMALISED, nn.LayerNorm, nn.GroupNorm, nn.InstanceNorm1d, nn.InstanceNorm2d,
    nn.InstanceNorm3d, nn.RMSNorm, F.batch_norm, F.layer_norm, F.group_norm, F.instance_norm,
    F.rms_norm, F.normalize,
)  # fmt: skip
# The larger their input, the closer they come to choosing one of the numbers.
SOFTMAX = (nn.Softmax, F.softmax, torch.softmax, "softmax")
QUERY_AND_KEY = ("query", "key")  # of attention, whose softmax is within
# Beside another term, or before a curve, the size of the output matters.
SIZE_MATTERS = (
    operator.add, operator.iadd, torch.add, "add", "add_", nn.Sigmoid, nn.Tanh, nn.GELU, nn.SiLU,
    F.scaled_dot_product_attention,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Way:
    """From a layer on: did a bias come in, and does it matter that channels stay apart?"""

    bias: bool
    fragile: bool


@dataclass(frozen=True, slots=True)
class _Graph:
    """The modules by name, and the answers so far: forks that join again meet the same nodes."""

    modules: dict[str, nn.Module]
    known: dict[tuple[fx.Node, fx.Node, _Way], FedAnswer]


def reached_unnormalised(model: nn.Module) -> dict[str, End]:
    """Return the weighted layers whose output reaches an end through no normalisation.

    The size of their weights is then that of the model's answers (``output``), or decides how sharp
    a softmax is, as that of attention (``softmax``: no way leads to the output). Of a model that
    cannot be traced these are all layers if it has no normalisation at all, else none.
    """
    trace = traced(model)
    if trace is None:
        if any("norm" in type(module).__name__.lower() for module in model.modules()):
            return {}
        named = model.named_modules()
        return {name: "output" for name, module in named if isinstance(module, WEIGHTED)}
    modules = dict(trace.model.named_modules())
    reached: dict[fx.Node, End] = {}
    for node in reversed(trace.graph.nodes):
        ends = {reached[user] for user in node.users if user in reached}
        if node.op == "output" or "output" in ends:
            ends = {"output"}
        elif any(_is_softmax(user, node, modules) for user in node.users):
            ends = {"softmax"}
        if ends and not _is(_called(node, modules), ANY_NORM):
            reached[node] = ends.pop()
    return {
        str(node.target): reached[node]
        for node in trace.graph.nodes
        if node in reached and isinstance(_called(node, modules), WEIGHTED)
    }


def _called(node: fx.Node, modules: Mapping[str, nn.Module]) -> object:
    return modules[str(node.target)] if node.op == "call_module" else node.target


def _is_softmax(user: fx.Node, node: fx.Node, modules: Mapping[str, nn.Module]) -> bool:
    """Return whether ``user`` takes the softmax of ``node``, or of a product with it."""
    called = _called(user, modules)
    if called is not F.scaled_dot_product_attention:
        return _is(called, SOFTMAX)
    named = (user.kwargs.get(name) for name in QUERY_AND_KEY)
    return node in (*user.args[: len(QUERY_AND_KEY)], *named)


def batch_norm_feeding(model: nn.Module, *, by_channel: bool = False) -> dict[str, FedAnswer]:
    """Return ``yes``, ``no`` or ``unknown`` for each weighted layer, in the order of their use.

    ``yes`` where every way from the layer reaches a batch normalisation in training mode through
    rectifiers, pooling, concatenation, layers without bias and the like alone; ``no`` where a way
    meets a sum or the end first; ``unknown`` for anything else, for a layer whose uses differ, and
    for a dense layer with a bias, whose channels may lie in any dimension. Hooks may change what
    layers pass on: of a model with hooks no layer is called ``yes``. A model that cannot be traced
    gives an empty mapping.
    """
    trace = traced(model)
    if trace is None:
        return {}
    graph = _Graph(dict(trace.model.named_modules()), {})
    taken = {str(node.target) for node in trace.graph.nodes if node.op == "get_attr"}
    answers: dict[str, FedAnswer] = {}
    for node in trace.graph.nodes:
        name = str(node.target)
        layer = graph.modules.get(name) if node.op == "call_module" else None
        if isinstance(layer, WEIGHTED):
            bias = layer.bias is not None
            way = _Way(bias, bias or by_channel)
            try:
                answer = _join([_answer(user, node, way, graph) for user in node.users])
            except RecursionError:  # hundreds of layers without a normalisation between
                answer = "unknown"
            if (isinstance(layer, nn.Linear) and way.fragile and answer == "yes") or (
                f"{name}.weight" in taken  # a second use of the same weights
            ):
                answer = "unknown"
            if trace.had_hooks and answer == "yes":
                answer = "unknown"
            if answers.setdefault(name, answer) != answer:  # a shared layer: one node a use
                answers[name] = "unknown"
    return answers


def _answer(user: fx.Node, node: fx.Node, way: _Way, graph: _Graph) -> FedAnswer:
    key = user, node, way
    if key not in graph.known:
        graph.known[key] = _new_answer(user, node, way, graph)
    return graph.known[key]


def _new_answer(user: fx.Node, node: fx.Node, way: _Way, graph: _Graph) -> FedAnswer:
    called = _called(user, graph.modules)
    if isinstance(called, NORMALISED):
        return "yes" if called.training else "unknown"
    if called is F.batch_norm:
        return "yes" if _is_normalised(user, node) else "unknown"
    if _is(called, HOMOGENEOUS) and way.bias:
        return "no"
    if called is torch.cat:  # side by side with channels that the layer does not scale
        sound = 1 in (*user.args[1:], user.kwargs.get("dim"))
        way = replace(way, fragile=True)
    elif _is(called, MIXED):
        either = way.bias or getattr(called, "bias", None) is not None
        sound = not (way.fragile or either)
        way = replace(way, bias=either)
    elif _is(called, POOLED) or _is(called, HOMOGENEOUS):
        sound = True
    else:
        return "no" if user.op == "output" or _is(called, SIZE_MATTERS) else "unknown"
    behind = _join([_answer(next_, user, way, graph) for next_ in user.users])
    return behind if sound or behind == "no" else "unknown"


def _is_normalised(user: fx.Node, node: fx.Node) -> bool:
    """Return whether a call of ``F.batch_norm`` normalises ``node``, as its input and no more."""
    training = user.args[5] if len(user.args) > 5 else user.kwargs.get("training")  # noqa: PLR2004
    inputs = [*user.args, *user.kwargs.values()]
    return user.args[:1] == (node,) and inputs.count(node) == 1 and training is True


def _join(answers: list[FedAnswer]) -> FedAnswer:
    """Return ``no`` if one way says so; an unused layer, which has none, feeds nothing."""
    if "no" in answers or not answers:
        return "no"
    return "unknown" if "unknown" in answers else "yes"


def _is(called: object, kinds: tuple[object, ...]) -> bool:
    return called in kinds or isinstance(
        called, tuple(kind for kind in kinds if isinstance(kind, type))
    )
