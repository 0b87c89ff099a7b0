import pytest
import torch

from ttq_bench.speed import ray_overhead
from ttq_bench.speed.ray_overhead import ADDED_SECONDS, Ran, figures_of


def test_what_ray_adds_is_the_difference_of_pairs_and_epochs_are_a_ratio():
    pairs = [(Ran(2.5, 1.0), Ran(0.5, 1.0)), (Ran(3.5, 2.0), Ran(0.5, 1.0))]
    added, on_ray, here, epoch = figures_of(pairs)

    assert (added.value, on_ray.value, here.value) == (2.5, 3.0, 0.5)
    assert (added.bound, added.n) == (ADDED_SECONDS, 2)
    assert epoch.value == pytest.approx(2**0.5)


@pytest.mark.slow
@pytest.mark.ray
def test_trials_run_on_ray_and_here_in_turn():
    threads = torch.get_num_threads()
    figures = ray_overhead.measure(seconds=0)

    added, on_ray, here, epoch, start = figures
    assert added.n == 3
    assert added.value == pytest.approx(on_ray.value - here.value)
    assert on_ray.value > here.value > 0  # a process that starts, and imports torch
    assert 0 < epoch.value < 20
    assert start.value > 0.5
    assert torch.get_num_threads() == threads
