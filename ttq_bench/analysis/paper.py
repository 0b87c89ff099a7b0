"""Figures printed in the paper, and beside which of our results they may be shown."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from ttq_bench.analysis.arms import Arm

# Test error in percent on CIFAR-10, Table 1: full precision, TTQ.
TABLE_1: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "resnet20": (8.23, 8.87),
        "resnet32": (7.67, 7.63),
        "resnet44": (7.18, 7.02),
        "resnet56": (6.80, 6.44),
    }
)
# Test error in percent on ImageNet, top-1 and top-5: Table 2 (AlexNet), Table 3 (ResNet-18B).
IMAGENET: Mapping[str, Mapping[str, tuple[float, float]]] = MappingProxyType(
    {
        "alexnet": {
            "full_precision": (42.8, 19.7),
            "dorefa-w1": (46.1, 23.7),
            "twn": (45.5, 23.2),
            "ttq": (42.5, 20.3),
        },
        "resnet18b": {
            "full_precision": (30.4, 10.8),
            "bwn": (39.2, 17.0),
            "twn": (34.7, 13.8),
            "ttq": (33.4, 12.8),
        },
    }
)
PROTOCOLS: Mapping[str, str] = MappingProxyType({"alexnet": "alexnet", "resnet18b": "resnet18"})


def printed_errors(arm: Arm) -> tuple[float, ...]:
    """Return the printed errors of the paper's run that an arm repeats; on ImageNet top-1, top-5.

    Empty where the arm is another experiment. The paper does not say which delta strategy its
    figures for ImageNet have, so they are those of both strategies that it describes.
    """
    if arm.dataset == "imagenet" and PROTOCOLS.get(arm.model) == arm.protocol:
        is_published = arm.strategy in ("max_fraction(0.05)", "constant_sparsity(0.5)")
        is_other = arm.arm == "ttq" and not is_published
        return () if is_other else IMAGENET[arm.model].get(arm.arm, ())
    column = {("full_precision", ""): 0, ("ttq", "max_fraction(0.05)"): 1}.get(
        (arm.arm, arm.strategy)
    )
    is_table_1 = (arm.dataset, arm.protocol) == ("cifar10", "paper") and arm.model in TABLE_1
    return (TABLE_1[arm.model][column],) if is_table_1 and column is not None else ()


def printed_gain(model: str) -> float:
    """Return full precision minus TTQ of Table 1, in points: positive where TTQ is better."""
    full_precision, ternary = TABLE_1[model]
    return round(full_precision - ternary, 2)


def gain_slope() -> float:
    """Return the least-squares slope of the printed gain, from one depth to the next."""
    return float(np.polyfit(range(len(TABLE_1)), [printed_gain(model) for model in TABLE_1], 1)[0])
