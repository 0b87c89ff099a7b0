"""Turns of several tasks, and the best of some tries."""

import time

import torch

from ttq_bench.speed.pairing import FEWEST_ROUNDS, WARMUP_ROUNDS, fastest, take_turns

CPU = torch.device("cpu")


def test_every_task_runs_once_a_round_three_rounds_at_least_and_warm_up_is_not_counted():
    ran = []
    tasks = {"a": lambda: ran.append("a"), "b": lambda: ran.append("b")}
    times = take_turns(tasks, seconds=0.0, device=CPU)

    assert {name: len(seconds) for name, seconds in times.items()} == {
        "a": FEWEST_ROUNDS, "b": FEWEST_ROUNDS
    }  # fmt: skip
    rounds = [set(ran[i : i + 2]) for i in range(0, len(ran), 2)]
    assert rounds == [{"a", "b"}] * (FEWEST_ROUNDS + WARMUP_ROUNDS)


def test_the_fastest_of_some_tries_is_at_least_what_the_task_takes():
    assert fastest(lambda: time.sleep(0.002), CPU) >= 0.002
