"""A slow twin of the quantized maps: plain loops over lists of Python floats, nothing of torch.

Written from the papers, not from the product, so that a shared mistake is unlikely. The sign of
the gradient of W_n is the one of the chain rule (minus), not the one that Eq. 7 prints, but for
the method that is named for it. A list is one group: a layer, or one output channel of it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

Values = Sequence[float]


def max_fraction(latent: Values, fraction: float) -> float:
    """Eq. 9: a fraction of the largest magnitude."""
    largest = 0.0
    for value in latent:
        largest = max(largest, abs(value))
    return largest * fraction


def mean_fraction(latent: Values, fraction: float) -> float:
    """TWN, Eq. 6: a fraction of the mean magnitude."""
    return math.fsum(abs(value) for value in latent) / len(latent) * fraction


def constant_sparsity(latent: Values, sparsity: float) -> float:
    """The magnitude of the last of the ``sparsity * n`` weights that become zero; 0 if none do."""
    zeros = round(sparsity * len(latent))
    ordered = sorted(abs(value) for value in latent)
    return ordered[zeros - 1] if zeros > 0 else 0.0


THRESHOLDS: Mapping[str, Callable[[Values, float], float]] = {
    "max_fraction": max_fraction,
    "constant_sparsity": constant_sparsity,
    "mean_fraction": mean_fraction,
}


def codes(latent: Values, threshold: float) -> list[int]:
    """Which of the three sets each weight is in: +1, 0 or -1."""
    found = []
    for value in latent:
        if value > threshold:
            found.append(1)
        elif value < -threshold:
            found.append(-1)
        else:
            found.append(0)
    return found


def signs(latent: Values) -> list[int]:
    """The two sets of a binary layer; a weight of zero counts as positive."""
    return [1 if value >= 0 else -1 for value in latent]


class Step(NamedTuple):
    """What one step computes in one group; None where a scale is not learned."""

    weights: list[float]
    latent_gradient: list[float]
    positive_gradient: float | None
    negative_gradient: float | None


def ternary(
    latent: Values, found: Sequence[int], positive: float, negative: float, incoming: Values
) -> Step:
    """TTQ: Eq. 6 forward, Eq. 8 for latent weights, Eq. 7 with the true sign for scales."""
    weights, latent_gradient, sums = [], [], {1: [0.0], 0: [0.0], -1: [0.0]}
    for code, gradient in zip(found, incoming, strict=True):
        weights.append({1: positive, 0: 0.0, -1: -negative}[code])
        latent_gradient.append({1: positive, 0: 1.0, -1: negative}[code] * gradient)
        sums[code].append(gradient)
    return Step(weights, latent_gradient, math.fsum(sums[1]), -math.fsum(sums[-1]))


def mean_of(latent: Values, found: Sequence[int]) -> float:
    """The mean magnitude over the weights that are not zero (0 where all are)."""
    members = [abs(value) for value, code in zip(latent, found, strict=True) if code]
    return math.fsum(members) / len(members) if members else 0.0


BINARY = {"bwn", "dorefa-w1"}
MEAN_MAGNITUDE = {"twn", *BINARY}
NOT_LEARNED = {"ternary-plain", *MEAN_MAGNITUDE}
STRAIGHT_THROUGH = {"ttq-ste", "twn", "dorefa-w1", "ternary-plain"}


TRUE_GRADIENTS = {"ttq", "ttq-ste"}
KNOWN = {"ttq-as-printed", "ttq-tied", "ttq-mean-grad", *TRUE_GRADIENTS, *NOT_LEARNED}


def step(
    method: str, latent: Values, threshold: float, scales: tuple[float, float], incoming: Values
) -> Step:
    """One step of any method; ``scales`` are taken where the method learns them."""
    assert method in KNOWN, f"write the slow twin of {method!r} in tests/reference.py"
    positive, negative = scales
    found = signs(latent) if method in BINARY else codes(latent, threshold)
    if method in MEAN_MAGNITUDE:
        positive = negative = mean_of(latent, found)
    elif method == "ternary-plain":
        positive = negative = 1.0
    elif method == "ttq-tied":
        negative = positive
    made = ternary(latent, found, positive, negative, incoming)
    if method in STRAIGHT_THROUGH:
        made = made._replace(latent_gradient=list(incoming))
    elif method == "bwn":  # XNOR-Net, section 3.1: 1/n + alpha * [|w| <= 1]
        factors = [1 / len(latent) + positive * (abs(value) <= 1) for value in latent]
        pairs = zip(factors, incoming, strict=True)
        made = made._replace(latent_gradient=[factor * gradient for factor, gradient in pairs])
    return made._replace(**_scale_gradients(method, found, *made[2:]))


def _scale_gradients(
    method: str, found: list[int], positive: float, negative: float
) -> dict[str, float | None]:
    pair: tuple[float | None, float | None] = positive, negative
    if method in NOT_LEARNED:
        pair = None, None
    elif method == "ttq-as-printed":
        pair = positive, -negative
    elif method == "ttq-mean-grad":
        pair = positive / max(found.count(1), 1), negative / max(found.count(-1), 1)
    elif method == "ttq-tied":  # one scale, so one gradient: both sets pull at it
        pair = positive + negative, positive + negative
    return {"positive_gradient": pair[0], "negative_gradient": pair[1]}
