"""A slow twin of the ternary map: plain loops over lists of Python floats, nothing of torch.

Written from the paper, not from the product, so that a shared mistake is unlikely. The sign of
the gradient of W_n is the one of the chain rule (minus), not the one that Eq. 7 prints.
"""

import math
from collections.abc import Callable, Mapping, Sequence

Values = Sequence[float]


def max_fraction(latent: Values, fraction: float) -> float:
    """Eq. 9: a fraction of the largest magnitude."""
    largest = 0.0
    for value in latent:
        largest = max(largest, abs(value))
    return largest * fraction


def constant_sparsity(latent: Values, sparsity: float) -> float:
    """The magnitude of the last of the ``sparsity * n`` weights that become zero; 0 if none do."""
    zeros = round(sparsity * len(latent))
    ordered = sorted(abs(value) for value in latent)
    return ordered[zeros - 1] if zeros > 0 else 0.0


THRESHOLDS: Mapping[str, Callable[[Values, float], float]] = {
    "max_fraction": max_fraction,
    "constant_sparsity": constant_sparsity,
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


def forward(
    latent: Values, positive_scale: float, negative_scale: float, threshold: float
) -> list[float]:
    """Eq. 6."""
    weights = {1: positive_scale, 0: 0.0, -1: -negative_scale}
    return [weights[code] for code in codes(latent, threshold)]


def scale_gradients(latent: Values, threshold: float, incoming: Values) -> tuple[float, float]:
    """Eq. 7 with the true sign: sum over the positive set, minus the sum over the negative set."""
    positive, negative = [], []
    for code, gradient in zip(codes(latent, threshold), incoming, strict=True):
        if code == 1:
            positive.append(gradient)
        elif code == -1:
            negative.append(gradient)
    return math.fsum(positive), -math.fsum(negative)


def latent_gradients(
    latent: Values,
    positive_scale: float,
    negative_scale: float,
    threshold: float,
    incoming: Values,
) -> list[float]:
    """Eq. 8: the scale of its set, or 1, times the incoming gradient."""
    multipliers = {1: positive_scale, 0: 1.0, -1: negative_scale}
    pairs = zip(codes(latent, threshold), incoming, strict=True)
    return [multipliers[code] * gradient for code, gradient in pairs]
