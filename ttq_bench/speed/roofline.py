"""Where the layers of a network stand below the machine's roof: operations for each byte moved."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ttq_bench.speed.pairing import fastest_operation
from ttq_bench.speed.steps import Work
from ttq_bench.training.evaluation import autocast

CONVOLUTION_BATCH_NORM = (nn.Conv2d, nn.BatchNorm2d)
PASSES = 3  # forward, gradient of the activations, gradient of the weights
BATCH_NORM_OPERATIONS = 8  # for each number: mean, variance, scaled and shifted


@dataclass(frozen=True, slots=True)
class Place:
    """A point of the roofline: operations for each byte, and operations a second."""

    name: str
    intensity: float
    flops: float


@torch.no_grad()
def places(work: Work) -> list[Place]:
    """Return the place of each different convolution and normalisation in a forward pass.

    Bytes are those that have to be moved at least: inputs, weights and outputs, once each.
    """
    seen: dict[str, tuple[nn.Module, Tensor]] = {}
    for module, inputs, _ in _calls(work):
        shape = "x".join(map(str, inputs.shape[1:]))
        seen.setdefault(f"{_kind(module)} {shape}", (module, inputs))
    with autocast(work.device, work.recipe.precision):
        return [_place(name, *found, work) for name, found in seen.items()]


def step_bytes(work: Work) -> float:
    """Return the bytes that a training step has to move at least.

    In each of three passes the inputs, weights and outputs of every convolution and normalisation,
    once each: as if all between them were part of them.
    """
    return PASSES * sum(_moved(*call) for call in _calls(work))


@torch.no_grad()
def _calls(work: Work) -> list[tuple[nn.Module, Tensor, Tensor]]:
    """Return each convolution and normalisation of a forward pass with its input and output."""
    seen: list[tuple[nn.Module, Tensor, Tensor]] = []
    model = work.network()
    hooks = [
        module.register_forward_hook(lambda layer, inputs, out: seen.append((layer, *inputs, out)))
        for module in model.modules()
        if isinstance(module, CONVOLUTION_BATCH_NORM)
    ]
    with autocast(work.device, work.recipe.precision):
        model(work.batch()[0])
    for hook in hooks:
        hook.remove()
    return seen


def _moved(module: nn.Module, inputs: Tensor, outputs: Tensor) -> int:
    weights = sum(parameter.numel() for parameter in module.parameters())
    return inputs.nbytes + outputs.nbytes + weights * outputs.element_size()


def _kind(module: nn.Module) -> str:
    if isinstance(module, nn.Conv2d):
        return f"conv {module.out_channels}"
    return "batch norm"


def _place(name: str, module: nn.Module, inputs: Tensor, work: Work) -> Place:
    outputs = module(inputs)
    if isinstance(module, nn.Conv2d):
        operations = 2 * outputs.numel() * module.weight[0].numel()
    else:
        operations = BATCH_NORM_OPERATIONS * outputs.numel()
    seconds = fastest_operation(lambda: module(inputs), work.device)
    return Place(name, operations / _moved(module, inputs, outputs), operations / seconds)
