"""A step in equal parts of its batch, on one process or spread over several, with one result.

Each part is normalised by its own statistics, as on a GPU of its own, and gradients are the mean
over the parts. What a step does depends on the number of parts alone and not on how many processes
share them, but for the order of sums. Running statistics of batch normalisation take one step for
all parts: towards the mean of theirs.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from ttq_bench.ranks import Ranks
from ttq_bench.seeding import stream_seed
from ttq_bench.training.optimizer import set_learning_rate
from ttq_bench.training.steps import Draw, EagerStep


class AccumulatedStep:
    """``step`` on the parts of a batch that this rank takes.

    ``ranks.count`` has to divide the recipe's ``micro_batches``. ``seed`` is the trial's: layers
    that draw at random do so by the number of the step and of the part.
    """

    def __init__(self, step: EagerStep, *, ranks: Ranks, seed: int) -> None:
        self.step = step
        self.unexchanged: Callable[[], AbstractContextManager[None]] = nullcontext
        model = step.model
        if ranks.count > 1:
            from torch.nn.parallel import DistributedDataParallel  # and torch's compiler: 3 s

            together = DistributedDataParallel(model, broadcast_buffers=False)
            step.model, self.unexchanged = together, together.no_sync
        self.ranks = ranks
        self.seed = seed
        self.parts = step.recipe.micro_batches // ranks.count
        layers = [module for module in model.modules() if isinstance(module, _BatchNorm)]
        self.running = [
            tensor
            for layer in layers
            for tensor in (layer.running_mean, layer.running_var)
            if tensor is not None
        ]
        counts = [layer.num_batches_tracked for layer in layers]
        self.restored = [*self.running, *(count for count in counts if count is not None)]
        self.is_graph = False

    def __call__(self, draw: Draw, rate: float, number: int) -> Tensor:
        """Train step ``number``, counted from the start; return the mean loss of all parts."""
        set_learning_rate(self.step.optimizer, rate)
        self.step.optimizer.zero_grad(set_to_none=True)
        before = [tensor.clone() for tensor in self.restored]
        sums = [torch.zeros_like(tensor) for tensor in self.running]
        losses = []
        shares = zip(*(tensor.chunk(self.parts) for tensor in draw), strict=True)
        for index, part in enumerate(shares):
            for tensor, then in zip(self.restored, before, strict=True):
                tensor.copy_(then)
            place = self.ranks.rank * self.parts + index
            torch.manual_seed(stream_seed(self.seed, "layers", number, place))
            with self.unexchanged() if index + 1 < self.parts else nullcontext():
                loss = self.step.loss(part)
                (loss / self.parts).backward()  # type: ignore[no-untyped-call]
            losses.append(loss.detach())
            for total, tensor in zip(sums, self.running, strict=True):
                total.add_(tensor)
        for tensor, total in zip(self.running, sums, strict=True):
            tensor.copy_(total.div_(self.parts))
        mean = torch.stack(losses).mean()
        self.ranks.average_([*self.running, mean])
        self.step.observe()
        self.step.optimizer.step()
        return mean
