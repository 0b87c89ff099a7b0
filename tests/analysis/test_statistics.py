"""Estimates and tests against hand-worked values, properties, and scipy's and statsmodels' own."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import DescrStatsW

from ttq_bench.analysis.statistics import (
    correlation,
    equivalence_p,
    estimate,
    holm,
    holm_adjusted,
    p_value,
    sign_consistency,
    welch,
)

FOUR = [0.3, -0.1, 0.5, 0.2]
ALTERNATIVES = ["two-sided", "greater", "less"]
# Hundredths, as errors in percent of 10,000 images are.
errors = st.integers(-2000, 2000).map(lambda count: count / 100)
samples = st.lists(errors, min_size=2, max_size=12)


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


@pytest.mark.parametrize("value", [0.25, 0.1])  # the mean of three 0.1 is not 0.1 in binary
def test_equal_values_decide_nothing(value):
    assert not estimate([value] * 3).excludes_zero
    assert p_value([value] * 3, 0.0, "two-sided") == 1.0


def test_differences_equal_but_for_rounding_decide_nothing():
    differences = [8.73 - 8.53, 8.72 - 8.52, 7.90 - 7.70]
    assert len(set(differences)) > 1
    assert estimate(differences).deviation == 0
    assert equivalence_p(differences, -1.0, 1.0) == 1.0


@given(samples)
def test_estimate_is_scipys_interval_of_the_t_test(values):
    result = estimate(values)
    if result.deviation == 0:
        return
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (result.low, result.high) == pytest.approx(expected)


@pytest.mark.parametrize("alternative", ALTERNATIVES)
def test_p_value_equals_scipys_one_sample_t_test(alternative):
    expected = stats.ttest_1samp(FOUR, 0.05, alternative=alternative).pvalue
    assert p_value(FOUR, 0.05, alternative) == pytest.approx(expected)


def test_p_value_of_undefined_values_decides_nothing():
    assert p_value([math.nan, 0.1], 0.0, "greater") == 1.0
    assert p_value([0.1], 0.0, "two-sided") == 1.0


@given(samples)
def test_two_sided_p_is_below_5_percent_exactly_where_the_interval_excludes_zero(values):
    p = p_value(values, 0.0, "two-sided")
    if abs(p - 0.05) > 1e-9:
        assert estimate(values).excludes_zero == (p < 0.05)


def test_equivalence_of_three_values_worked_by_hand():
    # mean 2, standard error 1 / sqrt(3): t = 2 sqrt(3) to either bound of (0, 4). With two degrees
    # of freedom P(T > t) = (1 - t / sqrt(2 + t^2)) / 2 = (1 - sqrt(12 / 14)) / 2 = 0.03709.
    assert equivalence_p([1.0, 2.0, 3.0], 0.0, 4.0) == pytest.approx(0.03709, abs=1e-5)


@pytest.mark.parametrize(("low", "high"), [(-0.5, 0.5), (0.0, 2.0), (1.0, 2.0)])
def test_equivalence_equals_statsmodels_two_one_sided_tests(low, high):
    assert equivalence_p(FOUR, low, high) == pytest.approx(
        DescrStatsW(FOUR).ttost_mean(low, high)[0]
    )


@given(samples, errors, st.floats(0.1, 10), st.floats(0, 10))
def test_a_wider_margin_is_never_harder_to_show(values, low, width, more):
    narrow = equivalence_p(values, low, low + width)
    assert equivalence_p(values, low - more, low + width + more) <= narrow + 1e-12


def test_signs_of_nine_of_ten_worked_by_hand():
    # P(at most 1 or at least 9 of 10) = 2 (1 + 10) / 1024
    result = sign_consistency([-1.0] * 9 + [2.0])
    assert (result.agreeing, result.n) == (9, 10)
    assert result.p == pytest.approx(22 / 1024)


def test_zeros_and_nan_have_no_sign():
    assert sign_consistency([0.0, math.nan, 1.0, 1.0]) == sign_consistency([1.0, 1.0])
    assert sign_consistency([0.0]).n == 0
    assert sign_consistency([]).p == 1.0


@given(st.lists(errors, min_size=1, max_size=30))
def test_sign_consistency_is_scipys_binomial_test_whichever_sign_is_commoner(values):
    result = sign_consistency(values)
    assert result == sign_consistency([-value for value in values])
    if result.n:
        assert result.p == pytest.approx(stats.binomtest(result.agreeing, result.n).pvalue)


def test_correlation_of_four_pairs_worked_by_hand():
    # r = 4 / 5; atanh(0.8) = 1.098612, +- 1.959964 / sqrt(4 - 3): tanh of -0.861352 and 3.058576
    result = correlation([1, 2, 3, 4], [1, 2, 4, 3])
    assert result.mean == pytest.approx(0.8)
    assert (result.low, result.high) == pytest.approx((-0.696944, 0.995598), abs=1e-5)
    assert math.isnan(result.deviation)
    assert result.n == 4


def test_correlation_of_three_pairs_has_no_interval():
    result = correlation([1, 2, 3], [1, 3, 2])
    assert (result.mean, result.low, result.high) == (pytest.approx(0.5), -1, 1)


def test_correlation_with_a_constant_side_is_not_defined():
    result = correlation([0.1] * 5, [1, 2, 3, 4, 5])
    assert math.isnan(result.mean)
    assert (result.low, result.high, result.n) == (-1, 1, 5)
    assert correlation([], []).n == 0


def test_correlation_leaves_out_pairs_that_are_not_finite():
    x, y = [1, 2, math.nan, 3, 4, 9], [1, 2, 5, 4, 3, math.inf]
    assert repr(correlation(x, y)) == repr(correlation([1, 2, 3, 4], [1, 2, 4, 3]))


@pytest.mark.parametrize("n", [4, 5, 20])
def test_correlation_equals_scipys_interval(n):
    random = np.random.default_rng(n)
    x = random.normal(size=n)
    y = x + random.normal(size=n)
    result, expected = correlation(x, y), stats.pearsonr(x, y)
    assert result.mean == pytest.approx(expected.statistic)
    interval = expected.confidence_interval(0.95)
    assert (result.low, result.high) == pytest.approx(tuple(interval))


def test_a_perfect_correlation_has_an_interval_of_no_width():
    result = correlation([0.0, 1.0, 2.0, 4.0], [0.0, -1.0, -2.0, -4.0])
    assert (result.mean, result.low, result.high) == pytest.approx((-1, -1, -1))


def test_welch_of_equal_spreads_worked_by_hand():
    # variances 1 and 1, n 3 and 3: standard error sqrt(2 / 3) with 4 degrees of freedom,
    # t(0.975, 4) = 2.776445: half-width 2.266958; the difference of two seeds deviates by sqrt(2)
    result = welch([1.0, 2.0, 3.0], [2.0, 3.0, 4.0])
    assert result.mean == 1
    assert result.half_width == pytest.approx(2.266958, abs=1e-5)
    assert result.deviation == pytest.approx(math.sqrt(2))
    assert result.n == 3


@given(samples, samples)
def test_welch_equals_scipys_interval(first, second):
    if estimate(first).deviation == 0 or estimate(second).deviation == 0:
        return
    result = welch(first, second)
    expected = stats.ttest_ind(second, first, equal_var=False).confidence_interval(0.95)
    assert (result.low, result.high) == pytest.approx(tuple(expected))
    assert result.n == min(len(first), len(second))


def test_welch_takes_one_constant_sample_and_decides_nothing_from_two():
    # the spread of [1, 2, 3] alone: its own interval, moved
    assert welch([0.1] * 4, [1.0, 2.0, 3.0]).half_width == pytest.approx(2.484138, abs=1e-6)
    assert not welch([0.1] * 4, [0.2] * 3).excludes_zero


def test_welch_with_a_single_seed_has_an_infinite_interval():
    result = welch([1.0], [2.0, 3.0])
    assert (result.mean, result.low, result.high, result.n) == (1.5, -math.inf, math.inf, 1)
    assert math.isnan(welch([], [1.0, 2.0]).mean)


def test_holm_rejects_step_by_step_and_stops_at_the_first_failure():
    # thresholds 0.05/4, 0.05/3, 0.05/2, 0.05: 0.01 and 0.015 pass, 0.03 fails, so 0.04 fails too
    assert holm([0.03, 0.01, 0.04, 0.015]) == [False, True, False, True]


@pytest.mark.slow
@settings(max_examples=25)  # statsmodels takes 50 ms for each
@given(st.lists(st.floats(0, 0.2), min_size=1, max_size=20))
def test_holm_equals_statsmodels(p_values):
    rejected, adjusted, *_ = multipletests(p_values, alpha=0.05, method="holm")
    assert holm_adjusted(p_values) == pytest.approx(list(adjusted))
    assert holm(p_values) == list(rejected)
