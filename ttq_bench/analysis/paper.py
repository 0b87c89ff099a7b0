"""Figures printed in the paper, and where they may stand beside ours."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from ttq_bench.analysis.tables import Arm

# Test error in percent on CIFAR-10, Table 1: full precision, TTQ.
TABLE_1: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "resnet20": (8.23, 8.87),
        "resnet32": (7.67, 7.63),
        "resnet44": (7.18, 7.02),
        "resnet56": (6.80, 6.44),
    }
)


def printed_error(arm: Arm) -> float | None:
    """Return the paper's error for a row of ours, None where that is another experiment."""
    column = {("full_precision", ""): 0, ("ttq", "max_fraction(0.05)"): 1}.get(
        (arm.arm, arm.strategy)
    )
    same = (arm.dataset, arm.protocol) == ("cifar10", "paper") and arm.model in TABLE_1
    return TABLE_1[arm.model][column] if same and column is not None else None


def printed_gain(model: str) -> float:
    """Return full precision minus TTQ of Table 1, in points: positive where TTQ is better."""
    full_precision, ternary = TABLE_1[model]
    return round(full_precision - ternary, 2)


def gain_slope() -> float:
    """Return the rise of the printed gain from one depth to the next, by least squares."""
    return float(np.polyfit(range(len(TABLE_1)), [printed_gain(model) for model in TABLE_1], 1)[0])
