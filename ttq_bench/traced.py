"""The graph of a model, read without a trace left on the model or on any stream of random numbers.

Tracing runs the model's own ``forward``, which may keep what it sees, count its calls or draw.
"""

import copy
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

MOST_NODES = 20_000  # a ResNet-110 has some 400


@dataclass(frozen=True, slots=True)
class Trace:
    """A copy of a model without its hooks, and the graph of that copy's ``forward``."""

    model: nn.Module
    graph: fx.Graph
    had_hooks: bool


class _Tracer(fx.Tracer):
    """Torch's own, with a bound: a loop that waits for a value would go on for ever."""

    count = 0

    def create_node(self, *args: Any, **options: Any) -> fx.Node:
        """Make a node of the graph; ``RuntimeError`` for one too many."""
        self.count += 1
        if self.count > MOST_NODES:
            raise RuntimeError(f"more than {MOST_NODES:,} operations")
        return super().create_node(*args, **options)


def traced(model: nn.Module) -> Trace | None:
    """Return the graph of ``model``, or None where it cannot be copied or traced.

    The copy shares the parameters, which tracing does not touch. What is drawn while tracing is the
    same each time.
    """
    try:
        copied = copy.deepcopy(model, _shared_tensors(model))
        had_hooks = _without_hooks(copied)
        with _own_random_numbers():
            return Trace(copied, _Tracer().trace(copied), had_hooks)
    except (Exception, SystemExit):  # both run the model's own code, which may raise anything
        return None


def _shared_tensors(model: nn.Module) -> dict[int, object]:
    """Return what a copy takes as it is: parameters, and tensors that torch refuses to copy."""
    memo: dict[int, object] = {id(parameter): parameter for parameter in model.parameters()}
    for module in model.modules():
        for value in vars(module).values():
            if isinstance(value, Tensor) and not value.is_leaf:
                memo[id(value)] = value
    return memo


def _without_hooks(model: nn.Module) -> bool:
    """Take the hooks off all modules, in place; return whether there were any."""
    had_hooks = False
    for module in model.modules():
        for hooks in (module._forward_hooks, module._forward_pre_hooks):
            had_hooks |= bool(hooks)
            hooks.clear()
    return had_hooks


@contextmanager
def _own_random_numbers() -> Iterator[None]:
    """Give torch, Python and NumPy a fixed stream each; leave theirs where they were."""
    # Of NumPy alone if the model may have imported it: the core does without.
    numpy = sys.modules.get("numpy")
    python_state, numpy_state = random.getstate(), numpy.random.get_state() if numpy else None
    is_begun = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    devices = range(torch.cuda.device_count() if is_begun else 0)
    try:
        with torch.random.fork_rng(devices=devices):
            torch.default_generator.manual_seed(0)  # manual_seed would reseed GPUs as well
            random.seed(0)
            if numpy:
                numpy.random.seed(0)
            yield
    finally:
        random.setstate(python_state)
        if numpy:
            numpy.random.set_state(numpy_state)
