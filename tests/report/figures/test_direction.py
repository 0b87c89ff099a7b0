"""Which scale is larger against the share of zeros: the figure and the table beside it."""

import math

import pytest

from tests.record_builders import BY_EPOCH, SHORT, tables_of, write_arm, write_parents
from tests.report.drawn import bars, drawn, figures_of
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.report.contents import read_contents
from ttq_bench.report.figures.direction import direction_against_zeros
from ttq_bench.report.sections.direction import direction, directions, turning_shares

RHOS = {0.0: 0.04, 0.5: 0.03, 0.9: -0.05}


def write_sweep(root, *, counts=-0.1, rhos=RHOS, pairs=()):
    """Publish three seeds of each share of zeros, with this rho and ln(n+/n-) in its one layer.

    Shares among ``pairs`` have two.
    """
    write_parents(root, 3)
    for zeros, rho in rhos.items():
        for seed in range(2 if zeros in pairs else 3):
            negative = 0.3
            shares = {"positive_share": negative * math.exp(counts), "negative_share": negative}
            write_arm(
                root, "ttq", {seed: 20.0}, tag=f"-{zeros}", sparsity=zeros,
                strategy=("constant_sparsity", zeros),
                scales={"a": (math.exp(rho + 0.001 * seed), 1.0)},
                changes=lambda *_, found=shares: found,
            )  # fmt: skip


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    root = tmp_path_factory.mktemp("results")
    write_sweep(root)
    return root


def test_both_panels_show_means_with_intervals_by_rising_zeros_and_each_seed(swept):
    (figure,) = drawn(direction_against_zeros, swept)
    rho, counts = (bars(axis)["TTQ constant_sparsity"] for axis in figure.axes)
    assert [mark[0] for mark in rho] == [mark[0] for mark in counts] == [0, 50, 90]
    assert [mark[1] for mark in rho] == pytest.approx([0.041, 0.031, -0.049])
    assert [mark[1] for mark in counts] == pytest.approx([-0.1] * 3)
    (log,) = [line for line in figure.axes[0].get_lines() if "authors" in line.get_label()]
    assert log.get_ydata()[0] == pytest.approx(-0.0741, abs=1e-4)
    for group, (zeros, value) in zip(figure.axes[0].collections[:3], RHOS.items(), strict=True):
        seeds = [(100 * zeros, value + 0.001 * seed) for seed in range(3)]
        assert sorted(map(tuple, group.get_offsets())) == [pytest.approx(seed) for seed in seeds]


def test_a_setting_without_ttq_has_no_figure(tmp_path):
    write_parents(tmp_path, 2)
    assert figures_of(direction_against_zeros, tmp_path) == []


def test_arms_are_ordered_by_their_zeros(swept):
    found = directions(tables_of(swept), SHORT)
    assert [one.zeros for one in found] == [0, 50, 90]
    assert [one.least_squares for one in found] == [None] * 3  # no histograms


def test_a_threshold_that_is_met_once_an_epoch_has_a_direction_of_its_own(tmp_path):
    write_parents(tmp_path, 1)
    write_arm(tmp_path, "ttq", [20.0], tag="-step")
    write_arm(tmp_path, "ttq", [20.0], strategy=BY_EPOCH, conversion={"keep_last": False})
    found = directions(tables_of(tmp_path), SHORT)
    assert sorted((one.strategy, one.rule, one.rho.trials) for one in found) == [
        ("max_fraction(0.05)", "max_fraction", ("ttq-step-0",)),
        ("max_fraction(0.05, by epoch)", "max_fraction", ("ttq-0",)),
    ]


def words(root):
    return " ".join(direction(read_contents(ResultsPaths(root))))


def test_a_direction_that_turns_is_told_and_that_counts_do_not_explain_it(swept):
    text = words(swept)
    assert "above zero up to 50 % of zeros and below zero from 90 % on" in text
    assert "The counts do not explain it" in text
    assert "Nor does least squares" not in text
    assert "It holds no share of zeros" in text


def test_an_arm_of_two_seeds_has_no_bar_and_says_nothing_of_the_turn(tmp_path):
    write_sweep(tmp_path, rhos={**RHOS, 0.4: -0.01}, pairs=[0.4])
    found = directions(tables_of(tmp_path), SHORT)
    assert turning_shares(found) == (50, 90)
    (figure,) = drawn(direction_against_zeros, tmp_path)
    assert [mark[0] for mark in bars(figure.axes[0])["TTQ constant_sparsity"]] == [0, 50, 90]


def test_an_arm_of_two_seeds_does_not_change_what_explains_the_turn(tmp_path):
    write_sweep(tmp_path)
    more_positive = {"positive_share": 0.4, "negative_share": 0.3}
    for seed in range(2):
        write_arm(
            tmp_path, "ttq", {seed: 20.0}, tag="-0.4", strategy=("constant_sparsity", 0.4),
            sparsity=0.4, scales={"a": (math.exp(0.03 + 1e-5 * seed), 1.0)},
            changes=lambda *_: more_positive,
        )  # fmt: skip
    assert "The counts do not explain it" in words(tmp_path)


def test_a_direction_that_does_not_turn_is_not_said_to(tmp_path):
    write_sweep(tmp_path, rhos={0.0: 0.04, 0.9: 0.03})
    assert "The direction turns" not in words(tmp_path)


def test_counts_above_zero_are_not_said_not_to_explain_it(tmp_path):
    write_sweep(tmp_path, counts=0.1)
    text = words(tmp_path)
    assert "The direction turns" in text
    assert "The counts do not explain it" not in text
