"""P10, on a GPU: an epoch, steps and evaluation, and the hours of the paper's Table 1, a seed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from ttq_bench.data.batches import TrialBatches
from ttq_bench.execution import mps
from ttq_bench.execution.resources import detect_machine, trials_on_a_gpu
from ttq_bench.models.build import build_model
from ttq_bench.speed.concurrent_trials import MANY, rate, trainers
from ttq_bench.speed.epochs import random_images
from ttq_bench.speed.figures import Bound, Figure
from ttq_bench.speed.pairing import TRIES, fastest
from ttq_bench.speed.steps import Work, repeated_step
from ttq_bench.suite.protocols import PROTOCOLS
from ttq_bench.ternary.conversion import PAPER_STRATEGY, quantize_
from ttq_bench.ternary.fused.rows import fuse_
from ttq_bench.text import counted
from ttq_bench.training.loop import start, train
from ttq_bench.training.recipe import Recipe
from ttq_bench.training.steps import WARMUP_STEPS, own_stream
from ttq_bench.trial.inputs import is_scale
from ttq_bench.trial.observation import Observation


@dataclass(frozen=True, slots=True)
class Row:
    """A network of the paper's Table 1 and how it is trained."""

    depth: str
    recipe: Recipe
    is_ternary: bool


DEPTHS = ("resnet20", "resnet32", "resnet44", "resnet56")  # Table 1
ROWS = [
    Row(depth, recipe, is_ternary)
    for depth in DEPTHS
    for recipe, is_ternary in (
        (PROTOCOLS["paper"].full_precision, False),
        (PROTOCOLS["paper"].fine_tuned, True),
    )
]
ROW_STEPS = 40  # 12 trials side by side take some seconds for a row
TRAINED, VALIDATED = 45_000, 5_000  # of CIFAR-10, which has 10,000 tests
EPOCHS = 3
ONE_SECOND, TWO_HOURS = Bound("at most", 1.0), Bound("at most", 2.0)
SECONDS_PER_HOUR = 3600


def measure(work: Work) -> list[Figure]:
    """Return the fastest epoch's seconds, and the GPU hours of four depths from their steps."""
    epoch = epoch_seconds(work)
    alone, (count, together) = hours_alone(work), hours_together(work)
    what = f"{work.model}, {work.recipe.precision}: an epoch of {TRAINED:,} images, evaluated"
    how = "Table 1 by the paper's protocol, a seed: full precision and TTQ, from their steps"
    return [
        Figure("P10", what, epoch, "s", bound=ONE_SECOND),
        Figure("P10", f"{how}, one trial at a time", alone, "h"),
        Figure(
            "P10", f"{how}, {counted(count, 'seed')} side by side", together, "h", bound=TWO_HOURS
        ),
    ]


def epoch_seconds(work: Work) -> float:
    """Return the seconds of the fastest of some epochs of TTQ: batches, steps and evaluation.

    What a trial does besides is P8.
    """
    images = random_images(work.model, TRAINED + VALIDATED, 2 * VALIDATED)
    recipe = work.recipe.model_copy(update={"epochs": EPOCHS})
    batches = TrialBatches(
        images, seed=0, batch_size=recipe.batch_size, validation_count=VALIDATED,
        augmentation=recipe.augmentation, device=work.device,
    )  # fmt: skip
    model = work.network("ttq")
    observe = Observation(model).after_backward
    results = train(start(model, recipe, is_scale), batches, recipe, lambda *_: None, observe)
    return min(result.seconds for result in results)


def hours_alone(work: Work) -> float:
    """Return the hours of the paper's epochs at all depths, evaluation not counted."""
    seconds = 0.0
    for row in ROWS:
        step = row_step(row, work.device)
        seconds += steps_of(row) * fastest(step, work.device)
    return seconds / SECONDS_PER_HOUR


def hours_together(work: Work) -> tuple[int, float]:
    """Return how many trials share a GPU, and the GPU hours of a seed where these are seeds."""
    count = trials_on_a_gpu(detect_machine(), MANY)
    seconds = 0.0
    with mps.service(print, count), trainers(_train_rows, (work.device,), count) as started:
        for number, row in enumerate(ROWS):
            rate(started, number, 0)  # makes the network, and records its step
            seconds += steps_of(row) / max(rate(started, number, ROW_STEPS) for _ in range(TRIES))
    return count, seconds / SECONDS_PER_HOUR


def steps_of(row: Row) -> int:
    """Return the steps of a row's whole training."""
    return row.recipe.epochs * (TRAINED // row.recipe.batch_size)


def row_step(row: Row, device: torch.device) -> Callable[[], None]:
    """Return one step of a row, after those that a graph waits for."""
    model = build_model(row.depth, classes=10, seed=0)
    model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    if row.is_ternary:
        normalise = PROTOCOLS["paper"].conversion.normalise_latent
        fuse_(quantize_(model, "ttq", PAPER_STRATEGY, normalise_latent=normalise))
    step = repeated_step(Work(row.depth, row.recipe, device), model)
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
                step, known = row_step(ROWS[number], device), number
            else:
                for _ in range(ROW_STEPS):
                    step()
            torch.cuda.synchronize()
            connection.send(None)
