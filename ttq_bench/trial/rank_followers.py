"""A trial that several processes train: rank 0 records it and decides, the others follow.

The others hold the same network and read other images. They write nothing: rank 0 tells them when
to save, when to stop and what to start from.
"""

import contextlib
from collections.abc import Callable
from enum import STRICT, IntFlag

import torch
from torch import Tensor, nn

from ttq_bench.data.prepared import Images
from ttq_bench.models.build import build_model
from ttq_bench.ranks import Ranks
from ttq_bench.spec.trial import TrialSpec
from ttq_bench.ternary.conversion import latent_of, quantized_layers, quantizer_of, set_epoch_
from ttq_bench.training.loop import DivergedError, StoppedError, TrainingState, train
from ttq_bench.training.steps import own_stream
from ttq_bench.trial.inputs import batches_of, images_of, place_, state_of
from ttq_bench.trial.settings import RunSettings


class Order(IntFlag, boundary=STRICT):
    """What rank 0 says before each step: to go on, to save, to stop, or to save and stop."""

    GO_ON = 0
    SAVE = 1
    STOP = 2


def move_strategy(spec: TrialSpec, state: TrainingState, step: int, steps: int) -> None:
    """Tell the delta strategy where in the epoch the run is, if that moves it."""
    if step == 0 or spec.strategy_moves:
        set_epoch_(state.model, state.epoch + step / steps, begins=step == 0)


def shared_state(model: nn.Module) -> dict[str, Tensor]:
    """Return what all ranks have to hold to the bit: the network, its codes and thresholds."""
    state: dict[str, Tensor] = dict(model.state_dict())
    for name, layer in quantized_layers(model):
        quantizer, latent = quantizer_of(layer), latent_of(layer)
        state[f"{name}: codes"] = quantizer.codes(latent)
        state[f"{name}: weight"] = quantizer(latent).detach()
    return state


def obey(
    order: Order, ranks: Ranks, state: TrainingState, save: Callable[[], None] = lambda: None
) -> None:
    """Do what rank 0 orders, on all ranks at once: compare and ``save``, raise ``StoppedError``."""
    order = Order(ranks.decided(order))
    if Order.SAVE in order and state.within.losses:
        ranks.check_equal(shared_state(state.model))
        save()
    if Order.STOP in order:
        raise StoppedError


def check_images(ranks: Ranks, images: Images) -> None:
    """Raise ``RanksDifferError`` on all ranks unless their machines decode to the same pixels."""
    digest = torch.frombuffer(bytearray(images.pixels_sha256.encode()), dtype=torch.uint8)
    ranks.check_equal({"decoded images": digest})


def follow(spec: TrialSpec, settings: RunSettings, ranks: Ranks) -> None:
    """Train beside rank 0 until it has finished, or says stop."""
    torch.set_num_threads(settings.threads)
    device = torch.device(settings.device)
    with own_stream(device):
        images = images_of(spec, settings)
        batches = batches_of(spec, images, settings, ranks)
        model = build_model(spec.model, classes=images.card.classes, seed=0)
        place_(model, device)
        state = state_of(model, spec)
        check_images(ranks, images)
        state.load_state_dict(ranks.state_of_first({}))
        set_epoch_(model, state.epoch)

        def on_step(step: int, steps: int) -> None:
            obey(Order.GO_ON, ranks, state)
            move_strategy(spec, state, step, steps)

        with contextlib.suppress(StoppedError, DivergedError):
            for _ in train(state, batches, spec.recipe, on_step):
                ranks.check_equal(shared_state(model))
