"""Loading weights that others saved."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from ttq_bench.errors import TtqBenchError

WRAPPER_PREFIX = "module."
COUNTER = "num_batches_tracked"


def load_weights(model: nn.Module, state: Mapping[str, Tensor], *, source: str) -> None:
    """Load a state dict, with or without the ``module.`` prefix that data-parallel wrappers add.

    Counters of batches (``num_batches_tracked``), which files of an old torch lack, become zero.
    Raises ``TtqBenchError`` that names the missing, foreign and misshapen keys, and then leaves
    the model as it was.
    """
    if not all(isinstance(key, str) and _is_dense(value) for key, value in state.items()):
        raise TtqBenchError(
            f"{source}: weights do not fit the model; expected names with dense tensors of real"
            " numbers"
        )
    plain = {key.removeprefix(WRAPPER_PREFIX): value for key, value in state.items()}
    own = model.state_dict()
    counters = (key for key in own.keys() - plain.keys() if key.endswith(COUNTER))
    plain |= {key: own[key].new_zeros(()) for key in counters}
    for key, value in plain.items():  # scales had no dimensions once
        if key in own and own[key].numel() == value.numel() == 1:
            plain[key] = value.reshape(own[key].shape)
    shapes = (key for key in own.keys() & plain.keys() if own[key].shape != plain[key].shape)
    problems = [
        f"{kind}: {_listing(keys)}"
        for kind, keys in (
            ("missing", own.keys() - plain.keys()),
            ("not in the model", plain.keys() - own.keys()),
            ("of another shape", list(shapes)),
        )
        if keys
    ]
    if problems:
        raise TtqBenchError(f"{source}: weights do not fit the model; keys {'; '.join(problems)}")
    model.load_state_dict(plain)


def _is_dense(value: object) -> bool:
    if not isinstance(value, Tensor) or value.layout != torch.strided:
        return False
    return not (value.is_complex() or value.is_quantized or value.is_meta)


def _listing(keys: Iterable[str], most: int = 5) -> str:
    ordered = sorted(keys)
    rest = f" and {len(ordered) - most} more" if len(ordered) > most else ""
    return ", ".join(ordered[:most]) + rest
