"""P1: steps of an epoch, with data and augmentation, against a trainer as usually published.

P8: what an epoch spends on evaluation, statistics and its checkpoint, as shares of its steps.
"""

import tempfile
from collections.abc import Mapping
from itertools import chain, count
from pathlib import Path

import torch
from torch import Tensor

from ttq_bench.data.batches import TrialBatches
from ttq_bench.data.catalog import own_card
from ttq_bench.data.prepared import ImageSet
from ttq_bench.models.build import build_model
from ttq_bench.models.catalog import MODELS
from ttq_bench.speed.figures import Bound, Figure, ratio_figure
from ttq_bench.speed.pairing import Task, fastest, measured_ratios, timed
from ttq_bench.speed.plain_trainer import PlainImages, PlainTrainer
from ttq_bench.speed.steps import Work, repeated_step, training_step
from ttq_bench.suite.protocols import PROTOCOLS
from ttq_bench.training.checkpoints import save_checkpoint
from ttq_bench.training.evaluation import batch_size, evaluate
from ttq_bench.training.loop import start
from ttq_bench.trial.inputs import is_scale
from ttq_bench.trial.observation import Observation, histograms

IMAGES, HELD_OUT = 12_800, 1_000  # enough: what a step takes does not depend on their number
MOST_BYTES = 256 << 20  # of training images: 1,783 of 224x224 pixels
TIMED_STEPS = 4
FASTER = Bound("at least", 2.5)

# CIFAR-10: 5,000 images for validation, 10,000 tests; these alone on a GPU, fewer on a CPU.
TRAINED_IMAGES, EVALUATED_IMAGES, TESTED_IMAGES = 45_000, 15_000, 10_000
HISTOGRAMS = 2  # of a trial: before its first epoch and after its last
EPOCHS = PROTOCOLS["modern"].fine_tuned.epochs  # the fewest of a protocol
TOGETHER = Bound("at most", 5.0)


def random_images(model: str, trained: int = IMAGES + HELD_OUT, tested: int = HELD_OUT) -> ImageSet:
    """Return random images of the network's size, with what a data set has beside them."""
    card = MODELS[model]
    channels, height, width = card.image_shape
    torch.manual_seed(0)

    def labelled(number: int) -> tuple[Tensor, Tensor]:
        images = torch.randint(0, 256, (number, height, width, channels), dtype=torch.uint8)
        return images, torch.randint(0, card.classes, (number,))

    most = MOST_BYTES // (channels * height * width)
    train, test = labelled(min(trained, most + HELD_OUT)), labelled(tested)
    return ImageSet(
        own_card("random", card.image_shape, card.classes, len(train[1]), len(test[1])),
        (127.5,) * channels, (73.6,) * channels, "", *train, *test,
    )  # fmt: skip


def batches_of(work: Work, images: ImageSet, validation_count: int = HELD_OUT) -> TrialBatches:
    """Return batches as a trial gets them."""
    recipe = work.recipe
    return TrialBatches(
        images, seed=0, batch_size=recipe.batch_size, validation_count=validation_count,
        augmentation=recipe.augmentation, device=work.device,
    )  # fmt: skip


def measure_steps(work: Work, seconds: float) -> list[Figure]:
    """Return how many times faster a full-precision step of this suite is, data included."""
    images = random_images(work.model)
    batches = batches_of(work, images)
    endless = chain.from_iterable(map(batches.draws, count()))
    ours = training_step(work, work.network(), endless, batches.batch)
    plain = PlainTrainer(
        build_model(work.model, classes=images.card.classes, seed=0),
        PlainImages(images.train_images[:-HELD_OUT], images.train_labels[:-HELD_OUT]),
        batch_size=work.recipe.batch_size,
        device=work.device,
    )

    def steps_of_plain() -> float:
        # Its workers went on while the other one trained: what they have ready does not count.
        for _ in range(plain.ready_ahead):
            plain.step()
        return timed(lambda: _repeat(plain.step), work.device)

    ratios = measured_ratios(
        lambda: steps_of_plain() / timed(lambda: _repeat(ours), work.device), seconds
    )
    what = f"{work.model}, {work.recipe.precision}: a plain trainer's step over ours"
    return [ratio_figure("P1", what, ratios, FASTER)]


def _repeat(step: Task) -> None:
    for _ in range(TIMED_STEPS):
        step()


def measure_housekeeping(work: Work) -> list[Figure]:
    """Return each share in percent of the time that the steps of an epoch take, and their sum."""
    shares = {name: 100 * share for name, share in _shares(work).items()}
    figures = [
        Figure("P8", f"{name} over an epoch's steps", share, "%") for name, share in shares.items()
    ]
    total = sum(shares.values())
    return [*figures, Figure("P8", "all three together", total, "%", bound=TOGETHER)]


def _shares(work: Work) -> Mapping[str, float]:
    tested = TESTED_IMAGES if work.device.type == "cuda" else HELD_OUT
    batches = batches_of(work, random_images(work.model, tested=tested))
    model = work.network("ttq")
    step = repeated_step(work, model)
    step()
    epoch = fastest(step, work.device) * TRAINED_IMAGES / work.recipe.batch_size
    held_out = list(batches.held_out("test", batch_size(model)))
    evaluation = fastest(lambda: evaluate(model, held_out, work.recipe.precision), work.device)
    state = start(model, work.recipe, is_scale)
    observation = Observation(model)
    with tempfile.TemporaryDirectory() as folder:
        saving = fastest(lambda: save_checkpoint(Path(folder), 1, state.state_dict()), work.device)
    statistics = fastest(observation.end_epoch, work.device)
    drawn = fastest(lambda: histograms(model), work.device)
    return {
        "evaluation": evaluation * EVALUATED_IMAGES / tested / epoch,
        "statistics": (statistics + drawn * HISTOGRAMS / EPOCHS) / epoch,
        "checkpoint": saving / epoch,
    }
