"""How long a training step takes, as ratios inside one run: machines differ and are shared.

One step of every method in turn, round after round, in an order that is drawn anew each round, so
that what else the machine does falls on all of them alike. A step is that of a trial: forward
under autocast, backward, observation, optimiser; images are ready beforehand.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from ttq_bench.execution.observation import Observation
from ttq_bench.execution.start import is_scale
from ttq_bench.models.build import build_model
from ttq_bench.models.catalog import MODELS
from ttq_bench.ternary.conversion import quantize_
from ttq_bench.ternary.strategies import DeltaStrategy
from ttq_bench.training.evaluation import autocast
from ttq_bench.training.loop import start
from ttq_bench.training.recipe import Recipe

BASELINE = "full_precision"
WARMUP_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class StepTimes:
    """Seconds of each round's step, for each method, in the same order of rounds."""

    seconds: dict[str, list[float]]

    def ratios(self, method: str) -> list[float]:
        """Return the method's seconds over those of full precision, round by round."""
        pairs = zip(self.seconds[method], self.seconds[BASELINE], strict=True)
        return [mine / base for mine, base in pairs]


def time_steps(
    methods: Sequence[str],
    recipe: Recipe,
    *,
    strategy: DeltaStrategy,
    model: str,
    device: torch.device,
    rounds: int,
) -> StepTimes:
    """Return the times of ``rounds`` training steps of each method on ``device``."""
    torch.manual_seed(0)
    images = torch.randn(recipe.batch_size, *MODELS[model].image_shape, device=device)
    images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.randint(0, 10, (recipe.batch_size,), device=device)
    networks = {
        name: quantize_(build_model(model, classes=10, seed=0), name, strategy) for name in methods
    }
    steps = {name: _step(network, recipe, images, labels) for name, network in networks.items()}
    times = StepTimes({name: [] for name in methods})
    for number in range(-WARMUP_ROUNDS, rounds):
        for index in torch.randperm(len(methods)).tolist():
            spent = _timed(steps[methods[index]], device)
            if number >= 0:
                times.seconds[methods[index]].append(spent)
    return times


def _step(
    model: nn.Module, recipe: Recipe, images: torch.Tensor, labels: torch.Tensor
) -> Callable[[], None]:
    model.to(images.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    state = start(model, recipe, is_scale)
    observation = Observation(model)

    def step() -> None:
        with autocast(images.device, recipe.precision):
            logits = model(images)
        loss = F.cross_entropy(logits.float(), labels)
        state.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        observation.after_backward()
        state.optimizer.step()

    return step


def _timed(step: Callable[[], None], device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize()
    started = time.perf_counter()
    step()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started
