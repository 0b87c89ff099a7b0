"""One training step: its operations called one by one, or recorded once as a CUDA graph.

A small network's step is some five hundred operations of a few microseconds each on a GPU, and the
host takes longer to ask for them than the GPU to do them. A graph asks for all of them at once. It
does the same operations on the same numbers.
"""

import warnings
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ttq_bench.training.evaluation import autocast
from ttq_bench.training.optimizer import hold_learning_rate_on_device, set_learning_rate
from ttq_bench.training.recipe import Recipe

Draw = Sequence[Tensor]
MakeBatch = Callable[..., tuple[Tensor, Tensor]]
WARMUP_STEPS = 3  # torch allocates, and libraries choose their kernels, in the first ones


class TrainStep(Protocol):
    """Trains one step on the batch of a draw at a learning rate; returns its loss, detached.

    ``number`` is that of the step since the start.
    """

    @property
    def is_graph(self) -> bool: ...  # noqa: D102
    def __call__(self, draw: Draw, rate: float, number: int) -> Tensor: ...  # noqa: D102


class EagerStep:
    """Augmentation, forward and backward pass, observation, optimiser: one call each.

    ``make_batch`` turns the tensors of a draw into images [B, C, H, W] and labels [B]. ``observe``
    is called when the step has its gradients, before the optimiser takes them.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        recipe: Recipe,
        make_batch: MakeBatch,
        observe: Callable[[], None],
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.recipe = recipe
        self.make_batch = make_batch
        self.observe = observe
        self.is_graph = False

    def __call__(self, draw: Draw, rate: float, number: int) -> Tensor:
        """Train one step; its ``number`` makes no difference."""
        del number
        set_learning_rate(self.optimizer, rate)
        return self.operations(draw)

    def operations(self, draw: Draw) -> Tensor:
        """Train one step at the learning rate that is set."""
        loss = self.loss(draw)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.observe()
        self.optimizer.step()
        return loss.detach()

    def loss(self, draw: Draw) -> Tensor:
        """Return the mean loss of a draw's images, with its graph."""
        images, labels = self.make_batch(*draw)
        with autocast(images.device, self.recipe.precision):
            logits = self.model(images)
        return F.cross_entropy(logits.float(), labels, label_smoothing=self.recipe.label_smoothing)


class GraphedStep:
    """The same step as a CUDA graph, recorded after a few that are called one by one.

    ``constants`` returns the numbers that the host passes to operations by value (those of the
    delta strategy): a graph holds for them alone, so while they move, steps are called one by one.
    So they are for good, with a warning, where the device refuses to record. All of it has to run
    on one stream that is not the default one.
    """

    def __init__(self, step: EagerStep, constants: Callable[[], Hashable]) -> None:
        self.step = step
        self.constants = constants
        self.recorded_for: Hashable = None
        self.warm_steps = 0
        self.graph: torch.cuda.CUDAGraph | None = None
        self.draw: list[Tensor] = []
        self.loss = torch.empty(())
        self.is_refused = False
        hold_learning_rate_on_device(step.optimizer)

    @property
    def is_graph(self) -> bool:
        """Whether the last step was a graph."""
        return self.graph is not None

    def __call__(self, draw: Draw, rate: float, number: int) -> Tensor:
        """Train one step; its ``number`` makes no difference."""
        now = self.constants()
        if now != self.recorded_for:
            self.recorded_for, self.graph, self.warm_steps = now, None, 0
        if self.graph is None and self.warm_steps >= WARMUP_STEPS and not self.is_refused:
            self._record(draw)
        if self.graph is None:
            self.warm_steps += 1
            return self.step(draw, rate, number)
        set_learning_rate(self.step.optimizer, rate)
        for recorded, given in zip(self.draw, draw, strict=True):
            recorded.copy_(given)
        self.graph.replay()
        return self.loss.clone()

    def _record(self, draw: Draw) -> None:
        self.draw = [tensor.clone() for tensor in draw]
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(
                graph,
                stream=torch.cuda.current_stream(),
                capture_error_mode="thread_local",
            ):
                self.loss = self.step.operations(self.draw)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            self.is_refused = True
            # Its stream of random numbers still counts for the recording that ended (torch 2.11).
            generator = torch.cuda.default_generators[torch.cuda.current_device()]
            generator.graphsafe_set_state(generator.clone_state())
            reason = str(error).partition("\n")[0]
            warnings.warn(f"steps are not recorded as a CUDA graph: {reason}", stacklevel=2)
        else:
            self.graph = graph


@contextmanager
def own_stream(device: torch.device) -> Iterator[None]:
    """Return the context of a stream of one's own on a GPU: graphs are recorded there alone."""
    if device.type != "cuda":
        yield
        return
    with torch.cuda.stream(torch.cuda.Stream(device)):  # type: ignore[no-untyped-call]
        yield


def train_step(
    step: EagerStep, device: torch.device, constants: Callable[[], Hashable]
) -> TrainStep:
    """Return the step as it is fastest on the device: as a graph on a GPU."""
    return GraphedStep(step, constants) if device.type == "cuda" else step
