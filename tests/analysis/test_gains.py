"""What TTQ gains, and whether the gain grows with depth: signs and slopes worked by hand."""

import pytest

from tests.record_builders import SHORT, tables_of, write_arm, write_parents, write_trial
from ttq_bench.analysis.comparison import compare_arms
from ttq_bench.analysis.gains import DEPTHS, TWN, depth_slope, gain, of_ttq, over
from ttq_bench.analysis.measured import Measured, Network


def network(model, protocol="short"):
    return Network("cifar10-jpeg", protocol, model)


def write_depths(root, gains, prefix="resnet", **more):
    """Publish for each depth a control at 20 % in each seed, and TTQ better by its gain."""
    for depth, of_seeds in gains.items():
        where = {"model": f"{prefix}{depth}", **more}
        tag = f"-{prefix}{depth}{more.get('learning_rate', '')}"
        for seed, found in of_seeds.items():
            parent = f"fp{tag}-{seed}"
            write_arm(root, "on", {seed: 20.0}, tag=tag, parent=parent, **where)
            write_arm(root, "ttq", {seed: 20.0 - found}, tag=tag, parent=parent, **where)
        write_parents(root, 3, tag=tag, model=f"{prefix}{depth}")


def test_the_gain_is_positive_where_ttq_has_the_smaller_error(tmp_path):
    write_parents(tmp_path, 2)
    write_arm(tmp_path, "on", [19.0, 20.0])
    write_arm(tmp_path, "ttq", [18.5, 21.0])
    assert gain(tables_of(tmp_path), SHORT).values == (0.5, -1.0)


def test_the_gain_is_over_the_control_not_over_the_parent(tmp_path):
    write_parents(tmp_path, 1)
    write_arm(tmp_path, "ttq", [18.5])
    assert gain(tables_of(tmp_path), SHORT) is None


def test_the_gain_is_that_of_the_published_strategy(tmp_path):
    write_parents(tmp_path, 1)
    write_arm(tmp_path, "on", [19.0])
    write_arm(tmp_path, "ttq", [18.5], strategy=("constant_sparsity", 0.5))
    assert gain(tables_of(tmp_path), SHORT) is None


@pytest.mark.parametrize(
    ("arm", "select"),
    [
        ("twn", TWN),
        ("dorefa-w1", ("dorefa-w1", "")),
        ("ttq-tied", ("ttq-tied", "max_fraction(0.05)")),
    ],
)
def test_over_is_positive_where_the_other_arm_has_the_larger_error(tmp_path, arm, select):
    write_parents(tmp_path, 2)
    write_arm(tmp_path, arm, [21.0, 19.0])
    write_arm(tmp_path, "ttq", [20.0, 20.0])
    assert over(select)(tables_of(tmp_path), SHORT).values == (1.0, -1.0)
    assert over(("bwn", ""))(tables_of(tmp_path), SHORT) is None


def test_of_ttq_asks_for_ttq_as_published(tmp_path):
    def asked(tables, where, select):
        return Measured((0.0,), (where.model, *select))

    assert of_ttq(asked)(tables_of(tmp_path), SHORT).trials == (
        "resnet20", "ttq", "max_fraction(0.05)",
    )  # fmt: skip


def test_the_slope_over_four_depths_worked_by_hand(tmp_path):
    # Seed 0: the printed gains. Least squares over 0, 1, 2, 3, centred -1.5, -0.5, 0.5, 1.5:
    # (0.96 - 0.02 + 0.08 + 0.54) / 5 = 0.312. Seed 1 falls by half a point each step.
    gains = [(-0.64, 1.5), (0.04, 1.0), (0.16, 0.5), (0.36, 0.0)]
    write_depths(tmp_path, {d: dict(enumerate(g)) for d, g in zip(DEPTHS, gains, strict=True)})
    measured = depth_slope(tables_of(tmp_path), network("resnet20"))
    assert measured.values == pytest.approx((0.312, -0.5))
    assert len(measured.trials) == len(set(measured.trials)) == 2 * 2 * 4


def test_a_seed_without_one_depth_has_no_slope_and_none_of_its_trials_counts(tmp_path):
    write_depths(
        tmp_path, {20: {0: 0.0, 1: 0.0}, 32: {0: 1.0, 1: 9.0}, 44: {0: 2.0}, 56: {0: 3.0, 1: 9.0}}
    )
    measured = depth_slope(tables_of(tmp_path), network("resnet20"))
    assert measured.values == pytest.approx((1.0,))
    assert len(measured.trials) == 2 * 4
    assert all(name.endswith("-0") for name in measured.trials)


@pytest.mark.parametrize(
    "gains",
    [
        {32: {0: 1.0}, 44: {0: 1.0}, 56: {0: 1.0}},
        {20: {0: 1.0}, 32: {0: 1.0}, 44: {0: 1.0}},
        {20: {0: 1.0}, 32: {0: 1.0}, 44: {1: 1.0}, 56: {1: 1.0}},
    ],
)
def test_without_all_depths_of_one_seed_there_is_no_slope(tmp_path, gains):
    write_depths(tmp_path, gains)
    assert depth_slope(tables_of(tmp_path), network("resnet20")) is None


def test_depths_of_two_recipes_make_no_slope(tmp_path):
    write_depths(tmp_path, {20: {0: 1.0}, 32: {0: 1.0}})
    write_depths(tmp_path, {44: {0: 1.0}, 56: {0: 1.0}}, learning_rate=0.2)
    assert depth_slope(tables_of(tmp_path), network("resnet20")) is None


def test_the_slope_is_asked_once_for_each_family_and_protocol(tmp_path):
    write_depths(tmp_path, {depth: {0: depth / 12} for depth in DEPTHS}, prefix="preact_resnet")
    tables = tables_of(tmp_path)
    assert depth_slope(tables, network("preact_resnet20")).values == pytest.approx((1.0,))
    for other in ("preact_resnet32", "preact_resnet56", "resnet20", "lenet5"):
        assert depth_slope(tables, network(other)) is None
    assert depth_slope(tables, network("preact_resnet20", "paper")) is None


def test_from_scratch_the_gain_is_over_full_precision_from_scratch(tmp_path):
    for seed, (full, ternary) in enumerate([(20.0, 19.5), (20.0, 21.0)]):
        write_trial(tmp_path, f"fp-{seed}", seed=seed, errors=(full,))
        write_trial(tmp_path, f"ttq-{seed}", seed=seed, errors=(ternary,), scales={"a": (1, 1)})
    longer = {"errors": (30.0, 10.0), "learning_rate": 0.5}
    write_trial(tmp_path, "other", seed=0, **longer)
    tables = tables_of(tmp_path)
    (arm,) = [result for result in compare_arms(tables) if result.arm.arm == "ttq"]
    assert gain(tables, SHORT).values == (0.5, -1.0)
    assert (arm.to_parent, arm.to_continued.n) == (None, 2)
    assert arm.to_continued.mean == pytest.approx(0.25)
