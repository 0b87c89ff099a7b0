"""The ternary core: methods, thresholds, gradients, quantizers, conversion, statistics.

w~ = ``latent``, W_p = ``positive_scale``, W_n = ``negative_scale``, Delta = ``threshold``.
The names below are all that a user of the library needs. Torch is imported with the first of them
that needs it: ``METHODS``, ``THRESHOLDS`` and ``DeltaStrategy`` do not.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ttq_bench.errors import QuantizationWarning
from ttq_bench.ternary.methods import METHODS
from ttq_bench.ternary.strategies import DeltaStrategy
from ttq_bench.ternary.thresholds import THRESHOLDS

if TYPE_CHECKING:
    from ttq_bench.ternary.conversion import (
        latent_of,
        quantize_,
        quantized_layers,
        quantizer_of,
        set_epoch_,
    )
    from ttq_bench.ternary.freezing import freeze_
    from ttq_bench.ternary.fused.rows import fuse_

__all__ = [
    "METHODS", "THRESHOLDS", "DeltaStrategy", "QuantizationWarning", "freeze_", "fuse_",
    "latent_of", "quantize_", "quantized_layers", "quantizer_of", "set_epoch_",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = {"fuse_": "fused.rows", "freeze_": "freezing"}.get(name, "conversion")
    return getattr(import_module(f"{__name__}.{module}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
