"""Learning rates as pure functions of the step: nothing to save, nothing to restore."""

import bisect
import math

from ttq_bench.training.recipe import Recipe


def learning_rate(recipe: Recipe, step: int, steps_per_epoch: int) -> float:
    """Return the learning rate of step ``step``, counted from 0 over the whole run."""
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
