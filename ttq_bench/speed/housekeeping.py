"""P8: what an epoch spends on evaluation, statistics and its checkpoint, as shares of training."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from ttq_bench.speed.epochs import HELD_OUT, batches_of, random_images
from ttq_bench.speed.figures import Bound, Figure
from ttq_bench.speed.pairing import fastest
from ttq_bench.speed.steps import Work, repeated_step
from ttq_bench.suite.protocols import PROTOCOLS
from ttq_bench.training.checkpoints import Checkpoints
from ttq_bench.training.evaluation import batch_size, evaluate
from ttq_bench.training.loop import start
from ttq_bench.trial.inputs import is_scale
from ttq_bench.trial.observation import Observation, histograms

# CIFAR-10: 5,000 images for validation, 10,000 tests; these alone on a GPU, fewer on a CPU.
TRAINED_IMAGES, EVALUATED_IMAGES, TESTED_IMAGES = 45_000, 15_000, 10_000
HISTOGRAMS = 2  # of a trial: before its first epoch and after its last
EPOCHS = PROTOCOLS["modern"].fine_tuned.epochs  # the fewest of a protocol
TOGETHER = Bound("at most", 5.0)


def measure(work: Work) -> list[Figure]:
    """Return each share in percent of the time that the steps of an epoch take, and their sum."""
    shares = {name: 100 * share for name, share in _shares(work).items()}
    figures = [
        Figure("P8", f"{name} over an epoch's steps", it, "%") for name, it in shares.items()
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
        checkpoints = Checkpoints(Path(folder))
        saving = fastest(lambda: checkpoints.save(1, state.state_dict()), work.device)
    statistics = fastest(observation.end_epoch, work.device)
    drawn = fastest(lambda: histograms(model), work.device)
    return {
        "evaluation": evaluation * EVALUATED_IMAGES / tested / epoch,
        "statistics": (statistics + drawn * HISTOGRAMS / EPOCHS) / epoch,
        "checkpoint": saving / epoch,
    }
