"""P10, on a GPU: an epoch, steps and evaluation, and the hours of the paper's Table 1, a seed."""

from collections.abc import Callable
from typing import Any

import torch

from ttq_bench.execution import mps
from ttq_bench.execution.resources import detect_machine, trials_on_a_gpu
from ttq_bench.speed.concurrent_trials import MANY, rate, trainers
from ttq_bench.speed.epochs import batches_of, random_images
from ttq_bench.speed.figures import Bound, Figure
from ttq_bench.speed.pairing import TRIES, fastest
from ttq_bench.speed.steps import BASELINE, Work, repeated_step
from ttq_bench.suite.protocols import PROTOCOLS
from ttq_bench.text import counted
from ttq_bench.training.loop import start, train
from ttq_bench.training.steps import WARMUP_STEPS, own_stream
from ttq_bench.trial.inputs import is_scale
from ttq_bench.trial.observation import Observation

DEPTHS = ("resnet20", "resnet32", "resnet44", "resnet56")  # Table 1
PAPER = PROTOCOLS["paper"]
ROW_STEPS = 40  # 12 trials side by side take some seconds for a row
TRAINED, VALIDATED = 45_000, 5_000  # of CIFAR-10, which has 10,000 tests
EPOCHS = 3
ONE_SECOND, TWO_HOURS = Bound("at most", 1.0), Bound("at most", 2.0)
SECONDS_PER_HOUR = 3600


def measure(work: Work) -> list[Figure]:
    """Return the fastest epoch's seconds, and the GPU hours of four depths from their steps."""
    epoch = epoch_seconds(work)
    alone, (count, together) = hours_alone(work.device), hours_together(work.device)
    what = f"{work.model}, {work.recipe.precision}: an epoch of {TRAINED:,} images, evaluated"
    how = "Table 1 by the paper's protocol, a seed: full precision and TTQ, from their steps"
    return [
        Figure("P10", what, epoch, "s", bound=ONE_SECOND),
        Figure("P10", f"{how}, one trial at a time", alone, "h"),
        Figure(
            "P10", f"{how}, {counted(count, 'seed')} side by side", together, "h", bound=TWO_HOURS
        ),
    ]


def rows(device: torch.device) -> list[tuple[Work, str]]:
    """Return the networks of the paper's Table 1 as work, each with its method."""
    return [
        (Work(depth, recipe, device), method)
        for depth in DEPTHS
        for recipe, method in ((PAPER.full_precision, BASELINE), (PAPER.fine_tuned, "ttq"))
    ]


def epoch_seconds(work: Work) -> float:
    """Return the seconds of the fastest of some epochs of TTQ: batches, steps and evaluation.

    What a trial does besides is P8.
    """
    images = random_images(work.model, TRAINED + VALIDATED, 2 * VALIDATED)
    recipe = work.recipe.model_copy(update={"epochs": EPOCHS})
    batches = batches_of(work, images, VALIDATED)
    model = work.network("ttq")
    observe = Observation(model).after_backward
    results = train(start(model, recipe, is_scale), batches, recipe, lambda *_: None, observe)
    return min(result.seconds for result in results)


def hours_alone(device: torch.device) -> float:
    """Return the hours of the paper's epochs at all depths, evaluation not counted."""
    seconds = 0.0
    for work, method in rows(device):
        seconds += steps_of(work) * fastest(row_step(work, method), device)
    return seconds / SECONDS_PER_HOUR


def hours_together(device: torch.device) -> tuple[int, float]:
    """Return how many trials share a GPU, and the GPU hours of a seed where these are seeds."""
    count = trials_on_a_gpu(detect_machine(), MANY)
    seconds = 0.0
    with mps.service(print, count), trainers(_train_rows, (device,), count) as started:
        for number, (work, _) in enumerate(rows(device)):
            rate(started, number, 0)  # makes the network, and records its step
            seconds += steps_of(work) / max(rate(started, number, ROW_STEPS) for _ in range(TRIES))
    return count, seconds / SECONDS_PER_HOUR


def steps_of(work: Work) -> int:
    """Return the steps of a whole training."""
    return work.recipe.epochs * (TRAINED // work.recipe.batch_size)


def row_step(work: Work, method: str) -> Callable[[], None]:
    """Return one step of a row, after those that a graph waits for."""
    normalise = PAPER.conversion.normalise_latent
    step = repeated_step(work, work.network(method, normalise_latent=normalise))
    for _ in range(WARMUP_STEPS + 1):
        step()
    return step


def _train_rows(device: torch.device, connection: Any) -> None:
    """Train steps of the row that is ordered; the first order of a row only makes its network."""
    known: int | None = None
    with own_stream(device):
        while True:
            number = connection.recv()
            if number != known:
                step, known = row_step(*rows(device)[number]), number
            else:
                for _ in range(ROW_STEPS):
                    step()
            torch.cuda.synchronize()
            connection.send(None)
