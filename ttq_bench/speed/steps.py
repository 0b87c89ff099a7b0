"""P2: a training step of each method over that of full precision, in one run.

A step is that of a trial: forward under autocast, backward, observation, optimiser; images are
ready beforehand.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat

import torch
from torch import Tensor, nn

from ttq_bench.models.build import build_model
from ttq_bench.models.catalog import MODELS
from ttq_bench.speed.figures import Bound, Figure, ratio_figure
from ttq_bench.speed.pairing import take_turns
from ttq_bench.ternary.conversion import PAPER_STRATEGY, quantize_
from ttq_bench.ternary.fused.rows import fuse_
from ttq_bench.ternary.methods import METHODS
from ttq_bench.ternary.quantizers import Normalisation
from ttq_bench.ternary.strategies import DeltaStrategy
from ttq_bench.training.loop import start
from ttq_bench.training.recipe import Recipe
from ttq_bench.training.steps import Draw, EagerStep, MakeBatch, train_step
from ttq_bench.trial.inputs import is_scale
from ttq_bench.trial.observation import Observation

BASELINE = "full_precision"
GPU_STEPS = 20
TTQ_BOUND, OTHER_BOUND = Bound("at most", 1.02), Bound("at most", 1.05)


@dataclass(frozen=True, slots=True)
class Work:
    """What is trained for a measurement: a network on batches of random images."""

    model: str
    recipe: Recipe
    device: torch.device

    def batch(self) -> tuple[Tensor, Tensor]:
        """Return images [B, C, H, W], channels last, and labels [B]."""
        torch.manual_seed(0)
        card = MODELS[self.model]
        images = torch.randn(self.recipe.batch_size, *card.image_shape)
        labels = torch.randint(0, card.classes, (self.recipe.batch_size,))
        images = images.to(self.device, memory_format=torch.channels_last)
        return images, labels.to(self.device)

    def network(
        self,
        method: str = BASELINE,
        strategy: DeltaStrategy = PAPER_STRATEGY,
        *,
        normalise_latent: Normalisation = False,
    ) -> nn.Module:
        """Return a fresh network of a method as trials train it."""
        model = build_model(self.model, classes=MODELS[self.model].classes, seed=0)
        model.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if method == BASELINE:
            return model
        return fuse_(quantize_(model, method, strategy, normalise_latent=normalise_latent))


def training_step(
    work: Work,
    model: nn.Module,
    draws: Iterator[Draw],
    make_batch: MakeBatch = lambda images, labels: (images, labels),
) -> Callable[[], None]:
    """Return one step of a trial, each on the batch that ``make_batch`` makes of the next draw."""
    state = start(model, work.recipe, is_scale)
    observe = Observation(model).after_backward
    eager = EagerStep(model, state.optimizer, work.recipe, make_batch, observe)
    step = train_step(eager, work.device, tuple)

    def train_one() -> None:
        step(next(draws), work.recipe.learning_rate, 0)

    return train_one


def repeated_step(work: Work, model: nn.Module) -> Callable[[], None]:
    """Return one step of a trial on the same images and labels every time."""
    return training_step(work, model, repeat(work.batch()))


def measure(work: Work, seconds: float) -> list[Figure]:
    """Return the cost of each method's step, TTQ under both strategies of the paper first.

    It takes twice the ``seconds`` of another goal: there are ten methods.
    """
    sparsity = DeltaStrategy("constant_sparsity", 0.5)
    others = [name for name, method in METHODS.items() if method.is_quantized and name != "ttq"]
    return [
        *_of_methods(work, ["ttq"], PAPER_STRATEGY, seconds * 2 / 3, TTQ_BOUND),
        *_of_methods(work, ["ttq"], sparsity, seconds / 3, TTQ_BOUND),
        *_of_methods(work, others, PAPER_STRATEGY, seconds, OTHER_BOUND),
    ]


def _of_methods(
    work: Work, methods: Sequence[str], strategy: DeltaStrategy, seconds: float, bound: Bound
) -> Iterator[Figure]:
    """Yield what a step of each method costs, all of them and full precision in turn."""
    steps = {name: _several(work, work.network(name, strategy)) for name in (BASELINE, *methods)}
    times = take_turns(steps, seconds=seconds, device=work.device)
    for name in methods:
        ratios = [own / base for own, base in zip(times[name], times[BASELINE], strict=True)]
        what = f"{name} step, {strategy}" if name == "ttq" else f"{name} step"
        yield ratio_figure("P2", what, ratios, bound)


def _several(work: Work, model: nn.Module) -> Callable[[], None]:
    """Return one step, or as many as outweigh waiting for a GPU."""
    step, count = repeated_step(work, model), GPU_STEPS if work.device.type == "cuda" else 1

    def train_some() -> None:
        for _ in range(count):
            step()

    return train_some
