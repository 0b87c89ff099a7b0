"""Power and the number of seeds against the textbook, simulation and statsmodels."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.power import TTestPower

from ttq_bench.analysis.power import power, power_within, seeds_needed, seeds_to_fit


def test_without_an_effect_power_is_the_level_of_the_test():
    assert power(0.0, 2) == pytest.approx(0.05)
    assert power(0.0, 50) == pytest.approx(0.05)


def test_one_seed_tests_nothing():
    assert power(10.0, 1) == 0.0


def test_a_large_effect_is_certain_to_be_found_but_not_by_two_seeds():
    # Two seeds: (Z + 30) / |Z'| must pass 12.706. Integrated numerically over Z', where Z alone
    # decides: 98.1416 %.
    assert power(30 / math.sqrt(2), 2) == pytest.approx(0.981416, abs=1e-6)
    assert power(1000.0, 2) == 1.0
    assert power(1e6, 100) == 1.0


@pytest.mark.parametrize("n", [2, 3, 5, 10, 30, 200])
@pytest.mark.parametrize("effect", [0.01, 0.1, 0.5, 1.0, 2.0, 5.0])
def test_power_equals_statsmodels(effect, n):
    expected = TTestPower().power(effect, n, 0.05, alternative="two-sided")
    if math.isnan(expected):  # its own far tail, where the effect is found for certain
        expected = TTestPower().power(effect, n, 0.05, alternative="larger")
    assert power(effect, n) == pytest.approx(expected, abs=1e-3)


@given(st.floats(0, 20), st.floats(0, 20), st.integers(2, 50))
def test_power_grows_with_the_effect_and_not_with_its_sign(one, other, n):
    low, high = sorted([one, other])
    assert power(low, n) <= power(high, n) + 1e-7
    assert power(-low, n) == power(low, n)


def test_seeds_needed_gives_80_percent_power_and_not_one_seed_more():
    n = seeds_needed(1.0, 1.0)
    assert n == 10  # the textbook's value for an effect of one standard deviation, paired
    random = np.random.default_rng(0)

    def simulated_power(seeds):
        drawn = random.normal(1.0, 1.0, size=(20_000, seeds))
        return np.mean(stats.ttest_1samp(drawn, 0, axis=1).pvalue < 0.05)

    assert simulated_power(n) > 0.79
    assert simulated_power(n - 1) < 0.80


@pytest.mark.parametrize(("reach", "n"), [(0.25 / 0.21, 10), (0.5, 40), (3.0, 4)])
def test_the_interval_of_simulated_seeds_fits_as_often_as_is_said(reach, n):
    drawn = np.random.default_rng(n).normal(size=(40_000, n))
    half = stats.t.ppf(0.975, n - 1) * drawn.std(axis=1, ddof=1) / math.sqrt(n)
    fits = np.mean(np.abs(drawn.mean(axis=1)) + half < reach)
    assert power_within(reach, n) == pytest.approx(fits, abs=0.01)


def test_seeds_to_fit_gives_80_percent_power_and_not_one_seed_more():
    n = seeds_to_fit(0.16, 0.125)
    assert power_within(0.125 / 0.16, n - 1) < 0.8 <= power_within(0.125 / 0.16, n)
    assert power_within(1.0, 1) == 0.0
    assert seeds_to_fit(math.nan, 0.1) is None
    assert seeds_to_fit(0.1, math.nan) is None


@pytest.mark.parametrize("effect", [0.1, 0.3, 0.5, 0.7, 1.0, 1.5])
def test_seeds_needed_equals_statsmodels_rounded_up(effect):
    expected = TTestPower().solve_power(effect, power=0.8, alpha=0.05)
    assert seeds_needed(1.0, effect) == math.ceil(float(np.squeeze(expected)))


@pytest.mark.parametrize(
    ("deviation", "difference"), [(0.0, 1.0), (math.nan, 1.0), (1.0, 0.0), (1.0, 1e-6)]
)
def test_seeds_needed_is_unknown_without_a_deviation_or_beyond_use(deviation, difference):
    assert seeds_needed(deviation, difference) is None


def test_seeds_needed_falls_as_the_difference_grows():
    numbers = [seeds_needed(1.0, d) for d in (0.1, 0.3, 1.0, 3.0, 30.0, 1000.0)]
    assert numbers == sorted(numbers, reverse=True)
    assert numbers[-1] == 2
