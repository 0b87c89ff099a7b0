"""The parts of the variance against a hand-worked table, properties, simulation and scipy."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from ttq_bench.analysis.variance import variance_split

tables = arrays.arrays(
    np.float64,
    st.tuples(st.integers(2, 6), st.integers(2, 6)),
    elements=st.integers(0, 1000).map(lambda count: count / 100),
)


def test_two_seeds_of_two_epochs_worked_by_hand():
    # seed means 1 and 5: mean square between 2 * 8 = 16; within, variances 2 and 2: 2;
    # variance between (16 - 2) / 2 = 7, of 9 in all; F(1, 2) = 8: p = 1 - sqrt(8 / 10)
    split = variance_split(np.array([[0.0, 2.0], [4.0, 6.0]]))
    assert (split.seeds, split.epochs) == (2, 2)
    assert split.between == pytest.approx(math.sqrt(7))
    assert split.within == pytest.approx(math.sqrt(2))
    assert split.between_share == pytest.approx(7 / 9)
    assert split.p == pytest.approx(1 - math.sqrt(8 / 10))


def test_seeds_closer_than_their_epochs_have_no_variance_between():
    split = variance_split(np.array([[0.0, 2.0], [2.0, 0.0]]))
    assert split.between == 0
    assert split.between_share == 0
    assert split.p == 1


def test_equal_values_have_no_variance_and_prove_nothing():
    split = variance_split(np.full((3, 3), 0.1))  # whose mean is not 0.1 in binary
    assert (split.between, split.within, split.p) == (0, 0, 1)
    assert math.isnan(split.between_share)


def test_seeds_that_differ_without_noise_within_differ_for_certain():
    split = variance_split(np.array([[1.0, 1.0], [3.0, 3.0]]))
    assert (split.between, split.p) == (pytest.approx(math.sqrt(2)), 0)


@pytest.mark.parametrize("shape", [(1, 5), (5, 1), (0, 3), (3, 0)])
def test_one_seed_or_one_epoch_splits_nothing(shape):
    split = variance_split(np.zeros(shape))
    assert math.isnan(split.between)
    assert math.isnan(split.between_share)
    assert split.p == 1


@given(tables, st.integers(-1000, 1000), st.floats(0.1, 10))
def test_parts_do_not_depend_on_the_level_and_grow_with_the_unit(table, level, unit):
    split, moved = variance_split(table), variance_split(unit * (table + level))
    assert moved.within == pytest.approx(unit * split.within, abs=1e-9)
    # a root near its clip at zero magnifies rounding
    assert moved.between**2 == pytest.approx((unit * split.between) ** 2, abs=1e-7)


@given(tables)
def test_p_equals_scipys_one_way_analysis_of_variance(table):
    split = variance_split(table)
    if split.within > 0:
        assert split.p == pytest.approx(stats.f_oneway(*table).pvalue, abs=1e-9)


def test_parts_are_those_that_simulated_runs_were_made_of():
    random = np.random.default_rng(0)
    offsets = random.normal(0, 0.3, size=(2000, 1))
    split = variance_split(offsets + random.normal(0, 0.1, size=(2000, 10)))
    assert split.between == pytest.approx(0.3, rel=0.05)
    assert split.within == pytest.approx(0.1, rel=0.05)
    assert split.between_share == pytest.approx(0.9, abs=0.01)


def test_seeds_without_an_effect_are_called_different_in_5_of_100_experiments():
    random = np.random.default_rng(1)
    experiments = random.normal(size=(10_000, 5, 6))
    rejected = np.mean([variance_split(table).p <= 0.05 for table in experiments])
    assert rejected == pytest.approx(0.05, abs=0.0066)  # three standard errors
