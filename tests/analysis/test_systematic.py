"""The systematic size: worked by hand, against a slow twin, and its limits."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ttq_bench.analysis.statistics import estimate
from ttq_bench.analysis.systematic import (
    noise_size,
    shared_signs,
    signed_by_others,
    systematic_size,
)

matrices = st.integers(3, 6).flatmap(
    lambda seeds: st.lists(
        st.lists(st.floats(-1, 1).map(lambda x: round(x, 3)), min_size=4, max_size=4),
        min_size=seeds, max_size=seeds,
    )
)  # fmt: skip


def slow_size(changes):
    """Return the mean over seeds and layers of a change times the sign of the others' sum."""
    total, count = 0.0, 0
    for seed, row in enumerate(changes):
        for layer, change in enumerate(row):
            others = sum(other[layer] for i, other in enumerate(changes) if i != seed)
            others = round(others, 9)  # thousandths, which binary sums miss by a little
            total += change * (others > 0) - change * (others < 0)
            count += 1
    return total / count


def test_signs_of_the_other_seeds_worked_by_hand():
    changes = np.array([[0.2, 0.1], [0.4, -0.3], [0.3, 0.1]])
    np.testing.assert_allclose(signed_by_others(changes), [0.05, 0.05, 0.1])


def test_seeds_that_add_up_to_zero_apart_from_rounding_give_no_sign():
    changes = np.array([[1.0], [0.781], [-1.0], [0.0]])  # 1 + 0.781 - 1 is not 0.781 in binary
    np.testing.assert_allclose(signed_by_others(changes), [-1.0, 0.0, -1.0, 0.0])


def test_where_all_seeds_agree_the_interval_is_students():
    changes = np.array([[0.1, -0.2], [0.2, -0.1], [0.3, -0.3], [0.1, -0.1]])
    found, expected = systematic_size(changes), estimate([0.15, 0.15, 0.3, 0.1])
    assert (found.mean, found.low, found.high) == pytest.approx(
        (expected.mean, expected.low, expected.high)
    )
    assert (found.deviation, found.n) == (pytest.approx(expected.deviation), 4)


@given(matrices)
def test_size_and_error_equal_those_of_a_slow_jackknife(changes):
    n = len(changes)
    without = [slow_size(changes[:seed] + changes[seed + 1 :]) for seed in range(n)]
    centre = sum(without) / n
    error = math.sqrt((n - 1) / n * sum((value - centre) ** 2 for value in without))
    found = systematic_size(np.array(changes))
    assert found.mean == pytest.approx(slow_size(changes), abs=1e-12)
    assert found.deviation / math.sqrt(n) == pytest.approx(error, abs=1e-9)


@given(matrices)
def test_the_systematic_size_is_never_above_the_raw_one(changes):
    values = np.array(changes)
    assert systematic_size(values).mean <= np.abs(values).mean() + 1e-12


def test_two_seeds_have_no_interval_and_one_no_size():
    two = systematic_size(np.array([[0.1], [0.2]]))
    assert (two.mean, two.low, two.high) == (pytest.approx(0.15), -math.inf, math.inf)
    assert math.isnan(systematic_size(np.array([[0.1]])).mean)
    assert systematic_size(np.empty((0, 0))).n == 0


def test_noise_worked_by_hand():
    # Two seeds: the deviation is 0.2 / sqrt(2), on average sqrt(2 / pi) of the true one.
    assert noise_size(np.array([[0.0], [0.2]])) == pytest.approx(0.2 / math.sqrt(2))
    assert math.isnan(noise_size(np.array([[0.1]])))


def test_layers_of_one_sign_are_counted_beside_chance():
    changes = np.array([[0.1, -0.1, 0.0, 0.2], [0.2, -0.3, 0.1, -0.2], [0.1, -0.1, 0.1, 0.1]])
    found = shared_signs(changes)
    assert (found.shared, found.layers, found.by_chance) == (2, 4, 4 * 2 / 2**3)
