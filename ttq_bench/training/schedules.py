"""Learning rates as pure functions of the step: nothing to save, nothing to restore."""

import bisect
import math

from ttq_bench.errors import TtqBenchError
from ttq_bench.training.recipe import Recipe

LEAST_WARMUP_STEPS = 0.99  # not 1: who is told to write 0.0256 for a step of 1/39 may do so


def learning_rate(recipe: Recipe, step: int, steps_per_epoch: int) -> float:
    """Return the learning rate of step ``step``, counted from 0 over the whole run.

    A warm-up of w steps has the rates 1/w, 2/w and so on of the full one. Where w is not whole, its
    last step is above the full rate, once, by less than 1/w of it.
    """
    epoch = step / steps_per_epoch
    if epoch < recipe.warmup_epochs:
        return recipe.learning_rate * (epoch + 1 / steps_per_epoch) / recipe.warmup_epochs
    if recipe.schedule == "step":
        passed = bisect.bisect_right(recipe.decay_epochs, epoch)
        if recipe.decay_factors:
            return recipe.learning_rate * math.prod(recipe.decay_factors[:passed])
        return recipe.learning_rate * recipe.decay_factor**passed
    done = (epoch - recipe.warmup_epochs) / (recipe.epochs - recipe.warmup_epochs)
    return recipe.learning_rate * (1 + math.cos(math.pi * done)) / 2


def check_warmup(recipe: Recipe, steps_per_epoch: int) -> None:
    """Raise ``TtqBenchError`` for a warm-up of less than one step, whose rate would be too high."""
    if 0 < recipe.warmup_epochs * steps_per_epoch < LEAST_WARMUP_STEPS:
        raise TtqBenchError(
            f"warmup_epochs: expected 0, or at least one step, which is {1 / steps_per_epoch:.3g}"
            f" epochs with these images and this batch; got {recipe.warmup_epochs:g}"
        )
