"""The epoch loop as a generator: one result an epoch, a checkpoint in between, exact resume."""

import math
import time
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ttq_bench.ranks import Ranks
from ttq_bench.seeding import stream_seed
from ttq_bench.training.evaluation import Evaluation, batch_size, evaluate
from ttq_bench.training.micro_batches import AccumulatedStep
from ttq_bench.training.optimizer import hold_learning_rate_on_host, make_optimizer
from ttq_bench.training.recipe import Recipe
from ttq_bench.training.schedules import learning_rate
from ttq_bench.training.steps import Draw, EagerStep, MakeBatch, TrainStep, train_step


class Batches(Protocol):
    """What the loop needs of the data (``data/batches.py`` has it)."""

    seed: int
    ranks: Ranks
    top5: bool  # whether the error among the five largest logits counts too

    @property
    def steps_per_epoch(self) -> int: ...  # noqa: D102
    @property
    def device(self) -> torch.device: ...  # noqa: D102
    def draws(self, epoch: int, first: int = 0) -> Iterator[Draw]: ...  # noqa: D102
    @property
    def batch(self) -> MakeBatch: ...  # noqa: D102
    def held_out(self, split: str, size: int) -> Iterator[tuple[Tensor, Tensor]]: ...  # noqa: D102


class StoppedError(Exception):
    """The run was asked to stop in the middle of an epoch; the last state that was saved stands."""


class DivergedError(Exception):
    """The loss of ``epoch`` is not a finite number: a result, not a fault."""

    def __init__(self, message: str, epoch: int) -> None:
        super().__init__(message)
        self.epoch = epoch


@dataclass(frozen=True, slots=True)
class EpochResult:
    """One epoch, counted from 1; ``train_loss`` is the mean over its steps, smoothed or not.

    ``learning_rate`` is that of its last step; ``graphed`` says whether steps were a CUDA graph.
    """

    epoch: int
    learning_rate: float
    train_loss: float
    validation: Evaluation
    test: Evaluation
    seconds: float
    graphed: bool


@dataclass
class Within:
    """What a run has done of the current epoch: the loss of each step, and seconds.

    ``random`` are the states of torch's streams of random numbers, ``observed`` is that of
    ``trial/observation.py``; both are set where a state was loaded.
    """

    losses: list[Tensor] = field(default_factory=list)
    seconds: float = 0.0
    random: dict[str, Tensor] = field(default_factory=dict)
    observed: dict[str, Any] = field(default_factory=dict)

    def state_dict(self, device: torch.device) -> dict[str, Any]:
        """Return tensors and plain values, with the streams as they are now."""
        random = {"cpu": torch.get_rng_state()}
        if device.type == "cuda":
            random["cuda"] = torch.cuda.get_rng_state(device)
        losses = torch.stack(self.losses).cpu()
        return {**vars(self), "losses": losses, "random": random}

    @classmethod
    def from_state(cls, state: dict[str, Any], device: torch.device) -> "Within":
        """Return what ``state_dict`` saved, its losses on ``device``."""
        return cls(**state | {"losses": list(state["losses"].to(device))})

    def set_random(self, device: torch.device) -> None:
        """Set torch's streams of random numbers to where they were."""
        torch.set_rng_state(self.random["cpu"])
        if device.type == "cuda" and "cuda" in self.random:
            torch.cuda.set_rng_state(self.random["cuda"], device)


@dataclass
class TrainingState:
    """All that a run needs in order to go on; ``epoch`` counts the whole ones."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    epoch: int = 0
    within: Within = field(default_factory=Within)

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.model.parameters()).device

    def state_dict(self) -> dict[str, Any]:
        """Return tensors and plain values only, so that they load with ``weights_only``."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "epoch": self.epoch,
            "within": self.within.state_dict(self.device) if self.within.losses else None,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a saved state."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        hold_learning_rate_on_host(self.optimizer)  # it may have been saved on a GPU
        self.epoch = int(state["epoch"])
        within = state.get("within")
        self.within = Within.from_state(within, self.device) if within else Within()


def start(model: nn.Module, recipe: Recipe, is_scale: Callable[[str], bool]) -> TrainingState:
    """Return the state before the first epoch."""
    return TrainingState(model, make_optimizer(model, recipe, is_scale))


def train(
    state: TrainingState,
    batches: Batches,
    recipe: Recipe,
    on_step: Callable[[int, int], None],
    observe: Callable[[], None] = lambda: None,
    *,
    constants: Callable[[], Hashable] = tuple,
) -> Iterator[EpochResult]:
    """Train from ``state`` to the recipe's last epoch and yield a result after each epoch.

    ``on_step`` gets the steps done and the steps in all of the epoch, between evaluated batches
    too; it may raise ``StoppedError``. ``observe`` is called when a step has its gradients, before
    the optimiser takes them; on a GPU it is recorded once, so it may only call operations of torch
    on tensors that stay. ``constants``: see ``GraphedStep``. Raises ``DivergedError`` when the mean
    training loss of an epoch, or the validation loss after it, is not finite.
    All randomness is drawn from streams named by epoch, whose place within it is part of the state:
    a resumed run equals an undisturbed one. The ranks of ``batches`` have to train the same state.
    """
    step = _step_of(state, batches, recipe, observe, constants)
    steps = batches.steps_per_epoch
    while state.epoch < recipe.epochs:
        started = time.perf_counter() - state.within.seconds
        loss = _train_epoch(state, batches, recipe, on_step, step)
        validation = _evaluate(state, batches, "validation", recipe, on_step)
        test = _evaluate(state, batches, "test", recipe, on_step)
        state.epoch, state.within = state.epoch + 1, Within()
        if not math.isfinite(validation.loss):
            raise DivergedError(f"validation loss {validation.loss}", state.epoch)
        yield EpochResult(
            epoch=state.epoch,
            learning_rate=learning_rate(recipe, state.epoch * steps - 1, steps),
            train_loss=loss,
            validation=validation,
            test=test,
            seconds=time.perf_counter() - started,
            graphed=step.is_graph,
        )


def _step_of(
    state: TrainingState,
    batches: Batches,
    recipe: Recipe,
    observe: Callable[[], None],
    constants: Callable[[], Hashable],
) -> TrainStep:
    """Return the step that the recipe asks for, as it is fastest on the device."""
    step = EagerStep(state.model, state.optimizer, recipe, batches.batch, observe)
    if recipe.micro_batches > 1:
        return AccumulatedStep(step, ranks=batches.ranks, seed=batches.seed)
    return train_step(step, batches.device, constants)


def _train_epoch(
    state: TrainingState,
    batches: Batches,
    recipe: Recipe,
    on_step: Callable[[int, int], None],
    train_one: TrainStep,
) -> float:
    """Train the steps of an epoch that are left; return the mean loss of all."""
    steps, losses = batches.steps_per_epoch, state.within.losses
    begun, first = time.perf_counter() - state.within.seconds, len(losses)
    if first:
        state.within.set_random(batches.device)
    else:
        torch.manual_seed(stream_seed(batches.seed, "layers", state.epoch))
    state.model.train()
    for step, draw in enumerate(batches.draws(state.epoch, first), first):
        state.within.seconds = time.perf_counter() - begun
        on_step(step, steps)
        number = state.epoch * steps + step
        rate = learning_rate(recipe, number, steps)
        losses.append(train_one(draw, rate, number))  # read at the end: reading makes a GPU wait
    mean = float(torch.stack(losses).mean())
    if not math.isfinite(mean):
        raise DivergedError(f"mean training loss {mean}", state.epoch + 1)
    return mean


def _evaluate(
    state: TrainingState,
    batches: Batches,
    split: str,
    recipe: Recipe,
    on_step: Callable[[int, int], None],
) -> Evaluation:
    steps = batches.steps_per_epoch

    def watched() -> Iterator[tuple[Tensor, Tensor]]:
        if batches.ranks.count > 1:  # once: the parts of the ranks may differ by a batch
            on_step(steps, steps)
        for batch in batches.held_out(split, batch_size(state.model)):
            if batches.ranks.count == 1:
                on_step(steps, steps)
            yield batch

    return evaluate(
        state.model, watched(), recipe.precision, top5=batches.top5, ranks=batches.ranks
    )
