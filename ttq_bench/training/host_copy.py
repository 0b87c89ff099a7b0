"""Tensors of a state to the host in one piece for each kind: a GPU stands still each time."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Kind = tuple[torch.device, torch.dtype]


def on_host(state: dict[str, Any]) -> dict[str, Any]:
    """Return nested dicts, lists and tuples with their tensors on the host, strides as they are."""
    kinds: dict[Kind, list[Tensor]] = {}

    def collect(tensor: Tensor) -> Tensor:
        if tensor.device.type != "cpu" and _is_dense(tensor):
            kinds.setdefault((tensor.device, tensor.dtype), []).append(tensor.detach())
        return tensor

    _map_tensors(collect, state)
    if not kinds:
        return state
    copies = {name: iter(_copied(tensors)) for name, tensors in kinds.items()}

    def copy(tensor: Tensor) -> Tensor:
        if tensor.device.type != "cpu" and _is_dense(tensor):  # met in the same order
            return next(copies[tensor.device, tensor.dtype])
        return tensor.detach().cpu()

    return dict(_map_tensors(copy, state))


def _map_tensors(change: Callable[[Tensor], Tensor], value: Any) -> Any:
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, dict):
        return {key: _map_tensors(change, item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_map_tensors(change, item) for item in value)
    return value


def _copied(tensors: list[Tensor]) -> list[Tensor]:
    """Return copies on the host; each has memory of its own, so that a file holds it alone."""
    row = torch.cat([tensor.as_strided((tensor.numel(),), (1,)) for tensor in tensors]).cpu()
    parts = torch.split(row, [tensor.numel() for tensor in tensors])
    return [
        part.clone().as_strided(tensor.shape, tensor.stride())
        for part, tensor in zip(parts, tensors, strict=True)
    ]


def _is_dense(tensor: Tensor) -> bool:
    """Return whether the numbers lie one behind the other in some order of the dimensions."""
    return bool(torch.ops.aten.is_non_overlapping_and_dense(tensor))
