"""P10, on a GPU: an epoch, steps and evaluation, and the hours of the paper's Table 1, a seed."""

import torch

from ttq_bench.data.batches import TrialBatches
from ttq_bench.execution.observation import Observation
from ttq_bench.execution.start import is_scale
from ttq_bench.models.build import build_model
from ttq_bench.speed.epochs import random_images
from ttq_bench.speed.figures import Bound, Figure
from ttq_bench.speed.pairing import fastest
from ttq_bench.speed.steps import Work, repeated_step
from ttq_bench.suite.protocols import PROTOCOLS
from ttq_bench.ternary.conversion import PAPER_STRATEGY, quantize_
from ttq_bench.ternary.fused import fuse_
from ttq_bench.training.loop import start, train
from ttq_bench.training.steps import WARMUP_STEPS

DEPTHS = ("resnet20", "resnet32", "resnet44", "resnet56")  # Table 1
TRAINED, VALIDATED = 45_000, 5_000  # of CIFAR-10, which has 10,000 tests
EPOCHS = 3
ONE_SECOND, TWO_HOURS = Bound("at most", 1.0), Bound("at most", 2.0)
SECONDS_PER_HOUR = 3600


def measure(work: Work) -> list[Figure]:
    """Return the fastest epoch's seconds, and the GPU hours of four depths from their steps."""
    epoch = epoch_seconds(work)
    hours = table_one_hours(work)
    what = f"{work.model}, {work.recipe.precision}: an epoch of {TRAINED:,} images, evaluated"
    how = "Table 1 by the paper's protocol, a seed: full precision and TTQ, from their steps"
    return [
        Figure("P10", what, epoch, "s", bound=ONE_SECOND),
        Figure("P10", how, hours, "h", bound=TWO_HOURS),
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


def table_one_hours(work: Work) -> float:
    """Return the hours of the paper's epochs at all depths, evaluation not counted."""
    protocol = PROTOCOLS["paper"]
    seconds = 0.0
    for depth in DEPTHS:
        for recipe, is_ternary in ((protocol.full_precision, False), (protocol.fine_tuned, True)):
            one = Work(depth, recipe, work.device)
            model = build_model(depth, classes=10, seed=0)
            model.to(work.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
            if is_ternary:
                normalise = protocol.conversion.normalise_latent
                fuse_(quantize_(model, "ttq", PAPER_STRATEGY, normalise_latent=normalise))
            step = repeated_step(one, model)
            for _ in range(WARMUP_STEPS + 1):
                step()
            steps = recipe.epochs * (TRAINED // recipe.batch_size)
            seconds += steps * fastest(step, work.device)
    return seconds / SECONDS_PER_HOUR
