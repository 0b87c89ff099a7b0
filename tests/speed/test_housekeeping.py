"""P8: what an epoch spends beside its steps."""

import pytest
import torch

from ttq_bench.speed import housekeeping
from ttq_bench.speed.steps import Work
from ttq_bench.training.recipe import Recipe

WORK = Work("lenet5", Recipe(epochs=1, batch_size=50, precision="fp32"), torch.device("cpu"))


def test_each_part_is_a_share_of_an_epoch_s_steps(monkeypatch):
    # A step, 1,000 images evaluated, a checkpoint, statistics, histograms: one second each.
    monkeypatch.setattr(housekeeping, "fastest", lambda task, _: (task(), 1.0)[1])

    found = {figure.quantity.split(" ")[0]: figure for figure in housekeeping.measure(WORK)}

    epoch = 45_000 / 50
    assert found["evaluation"].value == pytest.approx(100 * 15 / epoch)
    assert found["checkpoint"].value == pytest.approx(100 / epoch)
    # Two histograms in the twenty epochs of the shortest protocol.
    assert found["statistics"].value == pytest.approx(100 * 1.1 / epoch)
    assert found["all"].value == pytest.approx(100 * 17.1 / epoch)
    assert found["all"].verdict == "holds"
