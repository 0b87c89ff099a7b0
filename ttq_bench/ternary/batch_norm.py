"""Which layers feed batch normalisation, read off the traced graph, never guessed from names.

A layer *feeds* batch normalisation when multiplying its weights by a constant changes nothing: then
only the ratio of its scales has an effect on the network's function.
"""

import operator

import torch
import torch.nn.functional as F
from torch import fx, nn

from ttq_bench.ternary.quantizers import FedAnswer

WEIGHTED = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
NORMALISED = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm, F.batch_norm)
# A factor on the input is a factor on the output, and a bias before them stays one constant.
REARRANGED = (
    nn.Identity, nn.Flatten, nn.MaxPool2d, nn.AdaptiveMaxPool2d, nn.AdaptiveAvgPool2d, torch.cat,
    torch.flatten, torch.mean, F.max_pool2d, F.adaptive_avg_pool2d, "flatten", "view", "reshape",
    "contiguous", "mean",
)  # fmt: skip
# The same, except that a bias before it is not undone by the normalisation behind.
HOMOGENEOUS = (
    nn.ReLU, nn.LeakyReLU, nn.Dropout, nn.Dropout2d, nn.AvgPool2d, F.relu, F.leaky_relu, F.dropout,
    F.avg_pool2d, torch.relu, "relu", "relu_",
)  # fmt: skip
# Beside another term, or before a curve, the size of the output matters.
SIZE_MATTERS = (
    operator.add, operator.iadd, torch.add, "add", "add_", nn.Sigmoid, nn.Tanh, nn.GELU, nn.SiLU,
)  # fmt: skip


def batch_norm_feeding(model: nn.Module) -> dict[str, FedAnswer]:
    """Return ``yes``, ``no`` or ``unknown`` for each weighted layer: does it feed a batch norm?

    ``yes`` where every way from the layer reaches one through rectifiers, pooling, concatenation,
    layers without bias and the like alone; ``no`` where a way meets a sum or the end first;
    ``unknown`` for operations in no list, and for a layer whose uses differ. A model that cannot be
    traced gives an empty mapping.
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
            answer = _answer(node, modules, has_bias=layer.bias is not None)
            known = answers.setdefault(str(node.target), answer)
            if known != answer:  # a shared layer: one node a use
                answers[str(node.target)] = "unknown"
    return answers


def _answer(node: fx.Node, modules: dict[str, nn.Module], *, has_bias: bool) -> FedAnswer:
    found: set[FedAnswer] = set()
    for user in node.users:
        what = modules[str(user.target)] if user.op == "call_module" else user.target
        if _is(what, NORMALISED):
            found.add("yes")
        elif what is torch.cat and 1 not in (*user.args[1:], user.kwargs.get("dim")):
            found.add("unknown")  # not side by side as channels
        elif _is(what, REARRANGED) or (_is(what, HOMOGENEOUS) and not has_bias):
            found.add(_answer(user, modules, has_bias=has_bias))
        elif isinstance(what, WEIGHTED):
            either = has_bias or what.bias is not None
            behind = _answer(user, modules, has_bias=either)
            found.add("unknown" if behind == "yes" and either else behind)
        else:
            ends = user.op == "output" or _is(what, SIZE_MATTERS) or _is(what, HOMOGENEOUS)
            found.add("no" if ends else "unknown")
    # One way on which the size matters settles it; an unused layer feeds nothing.
    return "no" if "no" in found or not found else "unknown" if "unknown" in found else "yes"


def _is(what: object, kinds: tuple[object, ...]) -> bool:
    return what in kinds or isinstance(
        what, tuple(kind for kind in kinds if isinstance(kind, type))
    )
