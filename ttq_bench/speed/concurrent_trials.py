"""P4: k trials side by side, each on its share of the machine, against one after the other."""

import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from multiprocessing.connection import Connection
from typing import Any

import torch

from ttq_bench.errors import TtqBenchError
from ttq_bench.execution import mps
from ttq_bench.execution.resources import detect_machine, trials_on_a_gpu
from ttq_bench.speed.figures import Bound, Figure, ratio_figure
from ttq_bench.speed.pairing import measured_ratios
from ttq_bench.speed.steps import Work, repeated_step
from ttq_bench.training.steps import own_stream
from ttq_bench.trial.allocator import keep_freed_memory

STEPS, GPU_STEPS = 4, 200
NOT_WORSE, ON_A_GPU = Bound("at least", 1.0), Bound("at least", 3.0)
MANY = 10_000  # trials: enough to fill any machine
PATIENCE_SECONDS = 300.0


def measure(work: Work, seconds: float) -> list[Figure]:
    """Return the trials an hour side by side as they are planned, over those of one at a time."""
    machine = detect_machine()
    if work.device.type == "cuda":
        count, bound, steps = trials_on_a_gpu(machine, MANY), ON_A_GPU, GPU_STEPS
    else:
        count, bound, steps = machine.cores, NOT_WORSE, STEPS
    shared = mps.service(print, count) if bound is ON_A_GPU else nullcontext(None)
    with (
        trainers(_train, (work, steps), 1) as alone,  # before the service, so not under it
        shared as computes,
        trainers(_train, (work, steps), count) as together,
    ):

        def gain() -> float:
            side_by_side = rate(together, max(1, machine.cores // count), steps)
            return side_by_side / rate(alone, machine.cores, steps)

        ratios = measured_ratios(gain, seconds)
    how = {None: "", True: " under MPS", False: " in turns"}[computes]
    what = (
        f"{work.model}: {count} trials side by side{how} over one after the other, trials an hour"
    )
    return [ratio_figure("P4", what, ratios, bound)]


def rate(started: list[Connection], order: int, steps: int) -> float:
    """Give these trainers an order; return their steps a second together, of so many each."""
    begun = time.perf_counter()
    for trainer in started:
        trainer.send(order)
    for trainer in started:
        try:
            if not trainer.poll(PATIENCE_SECONDS):
                raise TtqBenchError(f"speed: a process took over {PATIENCE_SECONDS:.0f} s")
            trainer.recv()
        except EOFError as error:
            raise TtqBenchError("speed: a process that trains beside others died") from error
    return len(started) * steps / (time.perf_counter() - begun)


@contextmanager
def trainers(
    target: Callable[..., None], arguments: tuple[Any, ...], count: int
) -> Iterator[list[Connection]]:
    """Start processes of ``target`` that train when they get an order; end them afterwards."""
    context = multiprocessing.get_context("spawn")
    pairs = [context.Pipe() for _ in range(count)]
    processes = [
        context.Process(target=target, args=(*arguments, theirs), daemon=True)
        for _, theirs in pairs
    ]
    try:
        for process in processes:
            process.start()
        for _, theirs in pairs:
            theirs.close()  # so that the end of a process ends its pipe
        yield [ours for ours, _ in pairs]
    finally:
        for process in processes:
            process.kill()
            process.join()


def _train(work: Work, steps: int, connection: Any) -> None:
    keep_freed_memory()
    with own_stream(work.device):
        step = repeated_step(work, work.network("ttq"))
        while True:
            torch.set_num_threads(connection.recv())
            for _ in range(steps):
                step()
            if work.device.type == "cuda":
                torch.cuda.synchronize()
            connection.send(None)
