"""A trial that several processes train: rank 0 records it and decides, the others follow.

The others hold the same network and read other images. They write nothing and ask nobody: when to
save, when to stop and what to start from they are told.
"""

from enum import IntEnum

import torch

from ttq_bench.errors import DataError
from ttq_bench.execution.settings import RunSettings
from ttq_bench.execution.start import batches_of, convert_, images_of, is_scale
from ttq_bench.models.build import build_model
from ttq_bench.ranks import Ranks
from ttq_bench.suite.spec import TrialSpec
from ttq_bench.ternary.conversion import quantized_layers, quantizer_of, set_epoch_
from ttq_bench.ternary.fused import fuse_
from ttq_bench.training.loop import DivergedError, StoppedError, TrainingState, start, train
from ttq_bench.training.steps import own_stream


class Order(IntEnum):
    """What rank 0 says before each step."""

    GO_ON = 0
    SAVE = 1
    STOP = 2
    SAVE_AND_STOP = 3


def move_strategy(spec: TrialSpec, state: TrainingState, step: int, steps: int) -> None:
    """Tell the delta strategy where in the epoch the run is, if that moves it."""
    if step == 0 or spec.strategy_moves:
        set_epoch_(state.model, state.epoch + step / steps, begins=step == 0)


def follow(spec: TrialSpec, settings: RunSettings, ranks: Ranks) -> None:
    """Train beside rank 0 until it has finished, or says stop."""
    torch.set_num_threads(settings.threads)
    device = torch.device(settings.device)
    with own_stream(device):
        images = images_of(spec, settings)
        batches = batches_of(spec, images, settings, ranks)
        model = build_model(spec.model, classes=images.classes, seed=0)
        model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        convert_(model, spec)
        state = start(fuse_(model), spec.recipe, is_scale)
        given = ranks.state_of_first({})
        if given["pixels"] != images.pixels_sha256:
            raise DataError(f"{spec.dataset}: other pixels here than on the machine of rank 0")
        state.load_state_dict(given)
        set_epoch_(model, state.epoch)
        quantizers = [quantizer_of(layer) for _, layer in quantized_layers(model)]

        def on_step(step: int, steps: int) -> None:
            if step < steps:
                order = Order(ranks.decided(Order.GO_ON))
                if order in (Order.SAVE, Order.SAVE_AND_STOP) and state.within.losses:
                    ranks.check_equal(model)
                if order in (Order.STOP, Order.SAVE_AND_STOP):
                    raise StoppedError
            move_strategy(spec, state, step, steps)

        try:
            for _ in train(
                state, batches, spec.recipe, on_step,
                constants=lambda: tuple(quantizer.number for quantizer in quantizers),
            ):  # fmt: skip
                ranks.check_equal(model)
        except (StoppedError, DivergedError):
            return
