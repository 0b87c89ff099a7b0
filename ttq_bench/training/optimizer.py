"""SGD, Adam or AdamW, with the choice to spare some parameters from weight decay."""

import inspect
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

from ttq_bench.training.recipe import Recipe

Kind = TypeVar("Kind", bound=torch.optim.Optimizer)
SECOND_BETA = 0.999
DENSE = 2  # sides of the weights of a dense layer; of a convolution four


def _without_compiler(kind: type[Kind]) -> type[Kind]:
    """Return the optimiser without what torch puts around its methods for ``torch.compile``.

    The first call of each would import the compiler: 3 s and 90 MB in each trial.
    """
    methods = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
    plain = {name: inspect.unwrap(getattr(kind, name)) for name in methods}
    step = torch.no_grad()(inspect.unwrap(kind.step))
    changed: type[Kind] = type(kind.__name__, (kind,), {**plain, "step": step})
    return changed


_SGD = _without_compiler(torch.optim.SGD)
_ADAMS = {
    "adam": _without_compiler(torch.optim.Adam), "adamw": _without_compiler(torch.optim.AdamW),
}  # fmt: skip


def make_optimizer(
    model: nn.Module, recipe: Recipe, is_scale: Callable[[str], bool]
) -> torch.optim.Optimizer:
    """Return the optimiser of all parameters; those that ``is_scale`` names decay if it says so."""
    weights, spared, scales = [], [], []
    for name, parameter in model.named_parameters():
        if is_scale(name):
            scales.append(parameter)
        elif _is_spared(parameter, recipe.decay_on):
            spared.append(parameter)
        else:
            weights.append(parameter)
    groups: list[dict[str, object]] = [{"params": weights, "weight_decay": recipe.weight_decay}]
    if scales:
        decay = recipe.weight_decay if recipe.decay_scales else 0.0
        groups.append({"params": scales, "weight_decay": decay})
    if spared:
        groups.append({"params": spared, "weight_decay": 0.0})
    if recipe.optimizer in _ADAMS:
        betas = recipe.momentum, SECOND_BETA
        return _ADAMS[recipe.optimizer](
            groups, lr=recipe.learning_rate, betas=betas, eps=recipe.adam_epsilon, fused=True
        )
    return _SGD(
        groups,
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        nesterov=recipe.nesterov,
        fused=True,
    )


def _is_spared(parameter: Tensor, decay_on: str) -> bool:
    """Return whether weight decay leaves a parameter alone: biases, batch normalisation, more."""
    if decay_on == "dense":
        return parameter.ndim != DENSE
    return decay_on == "weights" and parameter.ndim == 1


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of every group, in place where it is held on a device."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def hold_learning_rate_on_device(optimizer: torch.optim.Optimizer) -> None:
    """Make the learning rate a tensor beside the parameters, so that a CUDA graph reads it anew."""
    for group in optimizer.param_groups:
        group["lr"] = torch.tensor(float(group["lr"]), device=group["params"][0].device)
        if "capturable" in group:  # Adam's count of steps, likewise
            group["capturable"] = True


def hold_learning_rate_on_host(optimizer: torch.optim.Optimizer) -> None:
    """Make the learning rate a number of the host's again, exact from the next time it is set."""
    for group in optimizer.param_groups:
        group["lr"] = float(group["lr"])
        if "capturable" in group:
            group["capturable"] = False
