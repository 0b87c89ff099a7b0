"""Delta strategies: from the latent weights of one layer to its threshold. Needs no torch.

Every rule takes latent weights of any shape and one number, and returns a detached scalar tensor
in at least single precision. Weights with ``|w~| <= threshold`` become zero (Eq. 6).
To add a strategy: write the rule, add a line to ``THRESHOLDS``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from ttq_bench.errors import TtqBenchError, unknown_name

if TYPE_CHECKING:
    from torch import Tensor


SINGLE_BYTES = 4


def max_fraction(latent: Tensor, fraction: float) -> Tensor:
    """Return ``fraction`` of the layer's largest magnitude, a scalar (TTQ, Eq. 9; 0.05 there)."""
    return _magnitudes(latent).amax() * fraction


def constant_sparsity(latent: Tensor, sparsity: float) -> Tensor:
    """Return the magnitude at or below which ``round(sparsity * n)`` of n weights lie, a scalar.

    TTQ's second strategy: the same share of zeros in every layer. Equal magnitudes at the
    threshold all become zero, so that ties can only raise the sparsity.
    """
    magnitudes = _magnitudes(latent).flatten()
    zeros = round(sparsity * magnitudes.numel())
    if zeros == 0:
        return magnitudes.new_zeros(())  # latent weights that are exactly zero stay zero
    return magnitudes.kthvalue(zeros).values


def _magnitudes(latent: Tensor) -> Tensor:
    detached = latent.detach().abs()
    return detached if detached.element_size() >= SINGLE_BYTES else detached.float()


@dataclass(frozen=True, slots=True)
class ThresholdRule:
    """A strategy with the meaning and the range of its number: ``low <= number < high``."""

    threshold: Callable[[Tensor, float], Tensor]
    number: str
    low: float
    high: float
    source: str


THRESHOLDS: Mapping[str, ThresholdRule] = MappingProxyType(
    {
        "max_fraction": ThresholdRule(
            max_fraction, "fraction t of the largest magnitude", 0.0, 1.0, "TTQ, Eq. 9"
        ),
        "constant_sparsity": ThresholdRule(
            constant_sparsity, "share r of zero weights", 0.0, 1.0, "TTQ, section 3.2"
        ),
    }
)


def check_strategy(where: str, strategy: str, number: float) -> None:
    """Raise ``TtqBenchError`` unless the strategy exists and its number is in its range."""
    if strategy not in THRESHOLDS:
        raise unknown_name(where, "delta strategy", strategy, THRESHOLDS)
    rule = THRESHOLDS[strategy]
    if not rule.low <= number < rule.high:
        raise TtqBenchError(
            f"{where}: {strategy} takes a {rule.number} from {rule.low:g} up to, not including,"
            f" {rule.high:g}; got {number:g}"
        )
