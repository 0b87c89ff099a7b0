"""P4: k trials side by side, each on its share of the cores, against one after the other."""

import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

import torch

from ttq_bench.errors import TtqBenchError
from ttq_bench.execution.allocator import keep_freed_memory
from ttq_bench.speed.figures import Bound, Figure, ratio_figure
from ttq_bench.speed.pairing import measured_ratio
from ttq_bench.speed.steps import Work, repeated_step

STEPS = 4
NOT_WORSE = Bound("at least", 1.0)
PATIENCE_SECONDS = 300.0


def measure(work: Work, seconds: float) -> list[Figure]:
    """Return the trials an hour of one trial a core, over those of one trial on all cores."""
    cores = len(os.sched_getaffinity(0))
    with _trainers(work, cores) as trainers:
        gain = measured_ratio(lambda: _rate(trainers, 1) / _rate(trainers[:1], cores), seconds)
    what = f"{work.model}: {cores} trials side by side over one after the other, trials an hour"
    return [ratio_figure("P4", what, gain, NOT_WORSE)]


def _rate(trainers: list[Connection], threads: int) -> float:
    """Return the steps a second of these trainers together."""
    started = time.perf_counter()
    for trainer in trainers:
        trainer.send(threads)
    for trainer in trainers:
        try:
            if not trainer.poll(PATIENCE_SECONDS):
                raise TtqBenchError(f"speed: P4: a process took over {PATIENCE_SECONDS:.0f} s")
            trainer.recv()
        except EOFError as error:
            raise TtqBenchError("speed: P4: a process that trains beside others died") from error
    return len(trainers) * STEPS / (time.perf_counter() - started)


@contextmanager
def _trainers(work: Work, count: int) -> Iterator[list[Connection]]:
    """Start processes that train a step when they are told to; end them afterwards."""
    context = multiprocessing.get_context("spawn")
    pairs = [context.Pipe() for _ in range(count)]
    processes = [
        context.Process(target=_train, args=(work, theirs), daemon=True) for _, theirs in pairs
    ]
    try:
        for process in processes:
            process.start()
        for _, theirs in pairs:
            theirs.close()  # so that the end of a process ends its pipe
        yield [mine for mine, _ in pairs]
    finally:
        for process in processes:
            process.kill()
            process.join()


def _train(work: Work, connection: Any) -> None:
    keep_freed_memory()
    step = repeated_step(work, work.network("ttq"))
    while True:
        torch.set_num_threads(connection.recv())
        for _ in range(STEPS):
            step()
        connection.send(None)
