"""bfloat16 convolutions on processors that have no instructions for them.

There oneDNN declines and torch falls back on loops that take ten to fifty times as long. A product
of two bfloat16 numbers is exact in single precision, and sums are taken in single precision either
way, so a convolution of the rounded inputs in single precision, rounded at its end, is what such
instructions compute, up to the order of additions. The same holds for both gradients.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

CONVOLUTIONS = frozenset({F.conv1d, F.conv2d, F.conv3d})


@cache
def has_instructions() -> bool:
    """Return whether oneDNN is there and computes bfloat16 convolutions on this processor."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def needs_detour(device: torch.device) -> bool:
    """Return whether convolutions under bfloat16 take the way through single precision."""
    mkldnn = torch.backends.mkldnn
    if device.type != "cpu" or not mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    return bool(mkldnn.enabled) and not has_instructions()


class SinglePrecisionConvolutions(TorchFunctionMode):
    """Computes each convolution on inputs rounded to bfloat16, in single precision."""

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Detour convolutions, leave everything else as it is."""
        if function not in CONVOLUTIONS:
            return function(*args, **(kwargs or {}))
        with torch.autocast("cpu", enabled=False):
            widened = [_rounded(value) for value in args]
            named = {name: _rounded(value) for name, value in (kwargs or {}).items()}
            return function(*widened, **named).to(torch.bfloat16)


def _rounded(value: Any) -> Any:
    return value.to(torch.bfloat16).float() if isinstance(value, Tensor) else value
