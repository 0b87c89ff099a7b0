"""Estimates against hand-worked values, scipy's own tests, and simulated experiments."""

import math

import numpy as np
import pytest
from scipy import stats

from ttq_bench.analysis.statistics import (
    estimate,
    holm,
    p_value,
    seeds_needed,
)


def test_interval_of_three_values_worked_by_hand():
    # mean 2, deviation 1, t(0.975, 2) = 4.302653: half-width 4.302653 / sqrt(3) = 2.484138
    result = estimate([1.0, 2.0, 3.0])
    assert result.mean == 2
    assert result.half_width == pytest.approx(2.484138, abs=1e-6)
    assert result.n == 3
    assert not result.excludes_zero


def test_one_seed_has_an_infinite_interval():
    result = estimate([5.0])
    assert (result.low, result.high) == (-math.inf, math.inf)
    assert not result.excludes_zero


def test_no_seed_has_no_mean():
    assert math.isnan(estimate([]).mean)


def test_equal_values_decide_nothing():
    assert not estimate([0.25, 0.25]).excludes_zero
    assert p_value([0.25, 0.25], 0.0, "two-sided") == 1.0


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_p_value_equals_scipys_one_sample_t_test(alternative):
    values = [0.3, -0.1, 0.5, 0.2]
    expected = stats.ttest_1samp(values, 0.05, alternative=alternative).pvalue
    assert p_value(values, 0.05, alternative) == pytest.approx(expected)


def test_p_value_of_undefined_values_decides_nothing():
    assert p_value([math.nan, 0.1], 0.0, "greater") == 1.0
    assert p_value([0.1], 0.0, "two-sided") == 1.0


def test_holm_rejects_step_by_step_and_stops_at_the_first_failure():
    # thresholds 0.05/4, 0.05/3, 0.05/2, 0.05: 0.01 and 0.015 pass, 0.03 fails, so 0.04 fails too
    assert holm([0.03, 0.01, 0.04, 0.015]) == [False, True, False, True]


def test_seeds_needed_gives_80_percent_power_and_not_one_seed_more():
    n = seeds_needed(1.0, 1.0)
    assert n == 10  # the textbook's value for an effect of one standard deviation, paired
    random = np.random.default_rng(0)

    def power(seeds):
        samples = random.normal(1.0, 1.0, size=(20_000, seeds))
        return np.mean(stats.ttest_1samp(samples, 0, axis=1).pvalue < 0.05)

    assert power(n) > 0.79
    assert power(n - 1) < 0.80


@pytest.mark.parametrize(
    ("deviation", "difference"), [(0.0, 1.0), (math.nan, 1.0), (1.0, 0.0), (1.0, 1e-6)]
)
def test_seeds_needed_is_unknown_without_a_deviation_or_beyond_use(deviation, difference):
    assert seeds_needed(deviation, difference) is None


def test_seeds_needed_falls_as_the_difference_grows():
    numbers = [seeds_needed(1.0, d) for d in (0.1, 0.3, 1.0, 3.0, 30.0, 1000.0)]
    assert numbers == sorted(numbers, reverse=True)
    assert numbers[-1] == 2


@pytest.mark.parametrize("n", [3, 5, 10])
def test_intervals_cover_the_true_mean_in_95_of_100_experiments(n):
    random = np.random.default_rng(n)
    experiments = random.normal(1.0, 2.0, size=(4000, n))
    results = [estimate(list(row)) for row in experiments]
    covered = np.mean([r.low <= 1.0 <= r.high for r in results])
    # 4,000 experiments: standard error 0.34 points, so 1.2 points are 3.5 of them.
    assert covered == pytest.approx(0.95, abs=0.012)
