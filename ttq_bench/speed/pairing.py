"""Times of several tasks in turn, so that what else the machine does falls on all of them alike."""

import time
from collections.abc import Callable, Mapping

import torch

Task = Callable[[], None]
WARMUP_ROUNDS = 2
FEWEST_ROUNDS = 3
REPEATS, TRIES = 3, 5


def measured_ratios(ratio: Callable[[], float], seconds: float) -> list[float]:
    """Return ratios measured until ``seconds`` are over, three at least.

    The first one, which warms both sides, is not counted.
    """
    ratio()
    ratios: list[float] = []
    until = time.perf_counter() + seconds
    while len(ratios) < FEWEST_ROUNDS or time.perf_counter() < until:
        ratios.append(ratio())
    return ratios


def take_turns(
    tasks: Mapping[str, Task], *, seconds: float, device: torch.device
) -> dict[str, list[float]]:
    """Run every task once a round, in an order drawn anew, until ``seconds`` are over.

    Returns the seconds of each round, by task. Two rounds before are not counted. At least three
    are, however long they take.
    """
    names = list(tasks)
    times: dict[str, list[float]] = {name: [] for name in names}
    number, until = -WARMUP_ROUNDS, 0.0
    while number < FEWEST_ROUNDS or time.perf_counter() < until:
        if number == 0:
            until = time.perf_counter() + seconds
        for index in torch.randperm(len(names)).tolist():
            spent = timed(tasks[names[index]], device)
            if number >= 0:
                times[names[index]].append(spent)
        number += 1
    return times


def timed(task: Task, device: torch.device) -> float:
    """Return the seconds that a task takes, on a GPU until it has done all that was asked of it."""
    _wait_for(device)
    started = time.perf_counter()
    task()
    _wait_for(device)
    return time.perf_counter() - started


def fastest(task: Callable[[], object], device: torch.device) -> float:
    """Return the seconds of a task in the best of a few tries: what the machine can do."""
    return min(timed(_repeated(task), device) for _ in range(TRIES)) / REPEATS


def fastest_operation(task: Callable[[], object], device: torch.device) -> float:
    """Return the same of operations so short that a GPU would wait for the host between them.

    They are recorded as one CUDA graph; this has to run on a stream that is not the default one.
    """
    if device.type != "cuda":
        return fastest(task, device)
    repeated, graph = _repeated(task), torch.cuda.CUDAGraph()
    repeated()
    with torch.cuda.graph(graph, stream=torch.cuda.current_stream()):
        repeated()
    return min(timed(graph.replay, device) for _ in range(TRIES)) / REPEATS


def _repeated(task: Callable[[], object]) -> Task:
    def some() -> None:
        for _ in range(REPEATS):
            task()

    return some


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
