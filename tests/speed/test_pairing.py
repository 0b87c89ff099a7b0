"""Turns, ratios and their intervals."""

import math
import time

import pytest
import torch

from ttq_bench.speed.pairing import (
    FEWEST_ROUNDS,
    WARMUP_ROUNDS,
    fastest,
    ratio_of,
    take_turns,
)

CPU = torch.device("cpu")


def test_every_task_runs_once_a_round_and_warm_up_is_not_counted():
    ran = []
    times = take_turns(
        {"a": lambda: ran.append("a"), "b": lambda: ran.append("b")},
        seconds=0.0, device=CPU, rounds=5,
    )  # fmt: skip

    assert {name: len(found) for name, found in times.seconds.items()} == {"a": 5, "b": 5}
    rounds = [set(ran[i : i + 2]) for i in range(0, len(ran), 2)]
    assert rounds == [{"a", "b"}] * (5 + WARMUP_ROUNDS)


def test_however_short_the_time_three_rounds_are_counted():
    times = take_turns({"a": lambda: time.sleep(0.01)}, seconds=0.0, device=CPU)

    assert len(times.seconds["a"]) == FEWEST_ROUNDS


def test_a_ratio_is_the_geometric_mean_over_rounds_with_its_interval():
    found = ratio_of([1.0, 4.0])

    assert (found.mean, found.n) == (pytest.approx(2.0), 2)
    half_width = 12.706 * math.log(2)  # t of one degree of freedom; the error of the mean is ln 2
    assert math.log(found.high / found.mean) == pytest.approx(half_width, rel=1e-3)
    assert found.low * found.high == pytest.approx(found.mean**2)


def test_the_fastest_of_some_tries_is_at_least_what_the_task_takes():
    assert fastest(lambda: time.sleep(0.002), CPU) >= 0.002
