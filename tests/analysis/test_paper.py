"""Figures of the paper, against the paper, and where they may stand."""

from dataclasses import replace

import pytest

from ttq_bench.analysis.arms import Arm
from ttq_bench.analysis.paper import TABLE_1, gain_slope, printed_errors, printed_gain

ARM = Arm(
    dataset="cifar10", protocol="paper", model="resnet20", arm="ttq",
    strategy="max_fraction(0.05)", recipe="0", epochs="1", diverged=0,
)  # fmt: skip
# Table 1: full precision, TTQ, and what the first has more.
PRINTED = {
    "resnet20": (8.23, 8.87, -0.64),
    "resnet32": (7.67, 7.63, 0.04),
    "resnet44": (7.18, 7.02, 0.16),
    "resnet56": (6.80, 6.44, 0.36),
}


def test_the_table_has_four_depths_from_the_shallowest_on():
    assert list(TABLE_1) == list(PRINTED)


@pytest.mark.parametrize("model", PRINTED)
def test_errors_and_gains_are_the_printed_ones(model):
    full_precision, ternary, gain = PRINTED[model]
    assert TABLE_1[model] == (full_precision, ternary)
    assert printed_gain(model) == gain  # to the digit: no 0.040000000000000036
    assert printed_errors(replace(ARM, model=model)) == (ternary,)
    unquantized = replace(ARM, model=model, arm="full_precision", strategy="")
    assert printed_errors(unquantized) == (full_precision,)


def test_the_slope_of_the_printed_gains_worked_by_hand():
    # Least squares over 0, 1, 2, 3: (1.5 * 0.64 - 0.5 * 0.04 + 0.5 * 0.16 + 1.5 * 0.36) / 5
    assert gain_slope() == pytest.approx(0.312)


@pytest.mark.parametrize(
    "changes",
    [
        {"dataset": "cifar10-jpeg"},
        {"protocol": "short"},
        {"protocol": "released"},
        {"model": "preact_resnet20"},
        {"model": "lenet5"},
        {"strategy": "constant_sparsity(0.5)"},
        {"strategy": "max_fraction(0.05), last layer too"},
        {"arm": "ttq-tied"},
        {"arm": "full_precision_continued", "strategy": ""},
    ],
)
def test_a_printed_error_stands_beside_no_other_experiment(changes):
    assert printed_errors(replace(ARM, **changes)) == ()


ALEXNET = {"dataset": "imagenet", "protocol": "alexnet", "model": "alexnet"}
RESNET18B = {"dataset": "imagenet", "protocol": "resnet18", "model": "resnet18b"}


@pytest.mark.parametrize(
    ("changes", "printed"),
    [
        (ALEXNET, (42.5, 20.3)),
        (ALEXNET | {"strategy": "constant_sparsity(0.5)"}, (42.5, 20.3)),
        (ALEXNET | {"strategy": "max_fraction(0.1)"}, ()),
        (ALEXNET | {"arm": "twn", "strategy": "mean_fraction(0.7)"}, (45.5, 23.2)),
        (ALEXNET | {"arm": "dorefa-w1", "strategy": ""}, (46.1, 23.7)),
        (ALEXNET | {"arm": "bwn", "strategy": ""}, ()),
        (ALEXNET | {"dataset": "imagenet-10classes"}, ()),
        (ALEXNET | {"protocol": "mini"}, ()),
        (RESNET18B, (33.4, 12.8)),
        (RESNET18B | {"arm": "full_precision", "strategy": ""}, (30.4, 10.8)),
        (RESNET18B | {"arm": "bwn", "strategy": ""}, (39.2, 17.0)),
        (RESNET18B | {"model": "resnet18"}, ()),
    ],
)
def test_errors_on_imagenet_are_top1_and_top5_of_tables_2_and_3(changes, printed):
    assert printed_errors(replace(ARM, **changes)) == printed
