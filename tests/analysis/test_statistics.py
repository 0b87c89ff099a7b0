"""Estimates against hand-worked values, scipy's own tests, and simulated experiments."""

import math

import numpy as np
import pytest
from scipy import stats

from ttq_bench.analysis.statistics import (
    estimate,
    holm,
    is_equivalent,
    p_value_against_zero,
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


def test_p_value_equals_scipys_one_sample_t_test():
    values = [0.3, -0.1, 0.5, 0.2]
    assert p_value_against_zero(values) == pytest.approx(stats.ttest_1samp(values, 0).pvalue)


def test_p_value_of_undefined_values_decides_nothing():
    assert p_value_against_zero([math.nan, 0.1]) == 1.0
    assert p_value_against_zero([0.1]) == 1.0
    assert p_value_against_zero([0.0, 0.0]) == 1.0


def test_holm_rejects_step_by_step_and_stops_at_the_first_failure():
    # thresholds 0.05/4, 0.05/3, 0.05/2, 0.05: 0.01 and 0.015 pass, 0.03 fails, so 0.04 fails too
    assert holm([0.03, 0.01, 0.04, 0.015]) == [False, True, False, True]


def test_equivalence_agrees_with_two_one_sided_t_tests():
    random = np.random.default_rng(0)
    for _ in range(200):
        values = list(random.normal(0.02, 0.03, size=4))
        above = stats.ttest_1samp(values, -0.05, alternative="greater").pvalue
        below = stats.ttest_1samp(values, 0.05, alternative="less").pvalue
        assert is_equivalent(values, 0.05) == (max(above, below) < 0.05)


def test_seeds_needed_is_the_first_n_whose_interval_is_narrow_enough():
    sample = estimate([1.0, 2.0, 3.0])
    n = seeds_needed(sample, 1.0)
    assert n is not None
    reach = [stats.t.ppf(0.975, k - 1) / math.sqrt(k) for k in (n - 1, n)]
    assert reach[0] > 1.0 >= reach[1]


@pytest.mark.parametrize("n", [3, 5, 10])
def test_intervals_cover_the_true_mean_in_95_of_100_experiments(n):
    random = np.random.default_rng(n)
    experiments = random.normal(1.0, 2.0, size=(4000, n))
    results = [estimate(list(row)) for row in experiments]
    covered = np.mean([r.low <= 1.0 <= r.high for r in results])
    # 4,000 experiments: standard error 0.34 points, so 1.2 points are 3.5 of them.
    assert covered == pytest.approx(0.95, abs=0.012)
