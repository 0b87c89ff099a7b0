"""Delta strategies: from the latent weights of one layer to its threshold. Needs no torch.

Every rule takes latent weights of any shape, one number, and the dimensions that share a threshold
(None: the whole layer). It returns a detached tensor in at least single precision: a scalar, or one
threshold an output channel with the shared dimensions kept as ones, so that it broadcasts.
Weights with ``|w~| <= threshold`` become zero (Eq. 6).

To add a strategy: write the rule, its slow twin in ``tests/reference.py``, and a line in
``THRESHOLDS``. Contract tests (tests/ternary/test_thresholds.py) draw numbers from the range that
the line gives, ``low <= number < high``, and hold every rule to this:

- a larger number never makes fewer zeros (a ramp goes from few zeros to many by its number);
- the threshold is at least zero and finite for finite weights, and leaves these as they are;
- a positive factor on all weights changes no code; neither do shape and strides;
- by channel it is itself on each channel; a layer of zeros stays zero;
- at ``low`` a single weight that is not zero is kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from ttq_bench.errors import TtqBenchError, unknown_name
from ttq_bench.ternary.strategies import is_number

if TYPE_CHECKING:
    from torch import Tensor

    from ttq_bench.ternary.strategies import DeltaStrategy

SINGLE_BYTES = 4
Shared = tuple[int, ...] | None


def max_fraction(latent: Tensor, fraction: float, shared: Shared = None) -> Tensor:
    """Return ``fraction`` of the largest magnitude (TTQ, Eq. 9; 0.05 there)."""
    return _magnitudes(latent).amax(shared or (), keepdim=bool(shared)) * fraction


def mean_fraction(latent: Tensor, fraction: float, shared: Shared = None) -> Tensor:
    """Return ``fraction`` of the mean magnitude (TWN, Eq. 6; 0.7 there)."""
    return _magnitudes(latent).mean(shared, keepdim=bool(shared)) * fraction


def constant_sparsity(latent: Tensor, sparsity: float, shared: Shared = None) -> Tensor:
    """Return the magnitude at or below which ``round(sparsity * n)`` of n weights lie.

    TTQ's second strategy: the same share of zeros in every layer. Equal magnitudes at the
    threshold all become zero, so that ties can only raise the sparsity.
    """
    magnitudes = _magnitudes(latent)
    groups = magnitudes.flatten(1) if shared else magnitudes.reshape(1, -1)
    zeros = round(sparsity * groups.shape[1])
    # Without zeros, latent weights that are exactly zero stay zero.
    thresholds = _in_order(groups, zeros - 1) if zeros else groups.new_zeros(len(groups))
    return thresholds.reshape(-1, *(1 for _ in shared)) if shared else thresholds.reshape(())


def _in_order(groups: Tensor, place: int) -> Tensor:
    """Return the number at ``place`` of each row in ascending order; rows may be reordered.

    On a CPU NumPy's partition does it in the tensor's own memory, where torch has NumPy at all: it
    is vectorised, ``kthvalue`` is not (ResNet-20's 18 layers, AVX2: 0.7-1.0 instead of 5 ms). Both
    pick the same one of the numbers, and order nan last: tests/ternary/test_thresholds.py. On a GPU
    ``kthvalue`` does not wait for the host.
    """
    if groups.device.type == "cpu":
        try:
            groups.numpy().partition(place, axis=1)
        except RuntimeError:  # torch without NumPy, or a tensor without memory
            pass
        else:
            return groups[:, place]
    return groups.kthvalue(place + 1, 1).values


def _magnitudes(latent: Tensor) -> Tensor:
    """Return magnitudes in memory of their own, in at least single precision."""
    detached = latent.detach().abs()
    return detached if detached.element_size() >= SINGLE_BYTES else detached.float()


@dataclass(frozen=True, slots=True)
class ThresholdRule:
    """A strategy with the meaning and the range of its number: ``low <= number < high``."""

    threshold: Callable[[Tensor, float, Shared], Tensor]
    number: str
    source: str
    high: float
    low: float = 0.0


THRESHOLDS: Mapping[str, ThresholdRule] = MappingProxyType(
    {
        "max_fraction": ThresholdRule(max_fraction, "fraction of the maximum", "TTQ, Eq. 9", 1.0),
        "constant_sparsity": ThresholdRule(constant_sparsity, "share of zeros", "TTQ, 3.2", 1.0),
        "mean_fraction": ThresholdRule(mean_fraction, "fraction of the mean", "TWN, Eq. 6", 10.0),
    }
)


def check_strategy(where: str, strategy: DeltaStrategy) -> None:
    """Raise ``TtqBenchError`` unless the rule exists and its numbers are in their ranges."""
    if not isinstance(strategy.name, str) or strategy.name not in THRESHOLDS:
        raise unknown_name(where, "delta strategy", str(strategy.name), THRESHOLDS)
    rule = THRESHOLDS[strategy.name]
    for name in ("number", "start", "ramp_epochs"):
        given = getattr(strategy, name)
        if not is_number(given) and not (name == "start" and given is None):
            raise TtqBenchError(
                f"{where}: {strategy.name}: {name}: expected a number, got {given!r:.60}"
            )
    for number in (strategy.number, strategy.start):
        if number is not None and not rule.low <= number < rule.high:
            raise TtqBenchError(
                f"{where}: {strategy.name} takes a {rule.number} from {rule.low:g} up to, not"
                f" including, {rule.high:g}; got {number:g}"
            )
    if strategy.update not in ("step", "epoch"):
        raise unknown_name(where, "update", str(strategy.update), ("step", "epoch"))
    moves, epochs = strategy.start is not None, strategy.ramp_epochs
    if moves != (epochs > 0) or not 0 <= epochs < math.inf:
        given = f"start {strategy.start} and ramp_epochs {epochs:g}"
        raise TtqBenchError(
            f"{where}: {strategy.name}: start and ramp_epochs (above 0) come together; got {given}"
        )
