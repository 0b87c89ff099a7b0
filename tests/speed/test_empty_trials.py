"""Trials that do nothing, on a real Ray."""

import pytest

from ttq_bench.speed.empty_trials import measure

pytestmark = pytest.mark.slow


@pytest.mark.ray
def test_what_a_trial_without_work_costs_is_told():
    seconds, own, memory = measure(3)
    assert seconds.quantity == "on Ray, 3 trials without work, 2 side by side: a trial"
    assert 0 < seconds.value < 60
    assert 0 < own.value < 1e3 * seconds.value * 3
    assert 20 < memory.value < 2000
