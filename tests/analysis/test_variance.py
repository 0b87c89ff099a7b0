"""The parts of the variance against a hand-worked table, properties and simulation.

And repeated fine-tunes of one parent: they are no seeds of their own, but have their own spread.
"""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.record_builders import SHORT, tables_of, write_arm, write_parents
from ttq_bench.analysis.gains import TTQ
from ttq_bench.analysis.measured import finished
from ttq_bench.analysis.variance import fine_tune_split, variance_split

tables = arrays.arrays(
    np.float64,
    st.tuples(st.integers(2, 6), st.integers(2, 6)),
    elements=st.integers(0, 1000).map(lambda count: count / 100),
)


def test_two_seeds_of_two_epochs_worked_by_hand():
    # seed means 1 and 5: mean square between 2 * 8 = 16; within, variances 2 and 2: 2;
    # variance between (16 - 2) / 2 = 7
    split = variance_split(np.array([[0.0, 2.0], [4.0, 6.0]]))
    assert (split.seeds, split.values) == (2, 2)
    assert split.between == pytest.approx(math.sqrt(7))
    assert split.within == pytest.approx(math.sqrt(2))


def test_seeds_closer_than_their_epochs_have_no_variance_between():
    split = variance_split(np.array([[0.0, 2.0], [2.0, 0.0]]))
    assert split.between == 0


def test_equal_values_have_no_variance():
    split = variance_split(np.full((3, 3), 0.1))  # whose mean is not 0.1 in binary
    assert (split.between, split.within) == (0, 0)


def test_seeds_that_differ_without_noise_within_have_variance_between_alone():
    split = variance_split(np.array([[1.0, 1.0], [3.0, 3.0]]))
    assert (split.between, split.within) == (pytest.approx(math.sqrt(2)), 0)


@pytest.mark.parametrize("shape", [(1, 5), (5, 1), (0, 3), (3, 0)])
def test_one_seed_or_one_epoch_splits_nothing(shape):
    split = variance_split(np.zeros(shape))
    assert math.isnan(split.between)
    assert math.isnan(split.within)


@given(tables, st.integers(-1000, 1000), st.floats(0.1, 10))
def test_parts_do_not_depend_on_the_level_and_grow_with_the_unit(table, level, unit):
    split, moved = variance_split(table), variance_split(unit * (table + level))
    assert moved.within == pytest.approx(unit * split.within, abs=1e-9)
    # a root near its clip at zero magnifies rounding
    assert moved.between**2 == pytest.approx((unit * split.between) ** 2, abs=1e-7)


def test_parts_are_those_that_simulated_runs_were_made_of():
    random = np.random.default_rng(0)
    offsets = random.normal(0, 0.3, size=(2000, 1))
    split = variance_split(offsets + random.normal(0, 0.1, size=(2000, 10)))
    assert split.between == pytest.approx(0.3, rel=0.05)
    assert split.within == pytest.approx(0.1, rel=0.05)


@pytest.fixture
def root(tmp_path):
    """Three parents, each fine-tuned twice: parents differ by 2 points, fine-tunes by 0.2."""
    write_parents(tmp_path, 3)
    write_arm(tmp_path, "ttq", [20.0, 22.0, 24.0])
    write_arm(tmp_path, "ttq", [20.2, 22.2, 24.2], tag="-again", repeat=1)
    return tmp_path


def test_repeats_are_no_trials_of_their_own_in_any_mean(root):
    tables = tables_of(root)

    assert list(finished(tables, SHORT, TTQ)["trial_id"]) == ["ttq-0", "ttq-1", "ttq-2"]
    assert sorted(tables.repeats["trial_id"]) == ["ttq-again-0", "ttq-again-1", "ttq-again-2"]


def test_the_spread_is_split_into_that_of_parents_and_of_fine_tunes(root):
    split = fine_tune_split(tables_of(root), SHORT, TTQ)

    assert (split.seeds, split.values) == (3, 2)
    assert split.within == pytest.approx(0.2 / 2**0.5)
    assert split.between == pytest.approx((4 - 0.02 / 2) ** 0.5)


def test_a_parent_that_was_fine_tuned_less_often_is_left_out(root):
    write_parents(root, 1, tag="-more")
    write_arm(root, "ttq", {3: 99.0})

    assert fine_tune_split(tables_of(root), SHORT, TTQ).seeds == 3


def test_without_repeats_there_is_no_split(tmp_path):
    write_parents(tmp_path, 2)
    write_arm(tmp_path, "ttq", [20.0, 21.0])

    assert fine_tune_split(tables_of(tmp_path), SHORT, TTQ) is None
