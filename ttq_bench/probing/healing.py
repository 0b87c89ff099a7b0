"""One more epoch after training: as trained, and with the scales of each layer held equal."""

import torch
from torch import nn

from ttq_bench.data.batches import Batches
from ttq_bench.probing.symmetrise import set_rho_
from ttq_bench.probing.trained_network import RecordedTrial, trained_model
from ttq_bench.records.probes import Healing
from ttq_bench.ternary.conversion import quantized_layers, set_epoch_
from ttq_bench.ternary.fused.rows import fuse_
from ttq_bench.training.loop import start, train
from ttq_bench.training.recipe import Recipe
from ttq_bench.trial.inputs import batches_of, images_of, is_scale, place_
from ttq_bench.trial.settings import RunSettings

EPOCHS = 1
SHARE_OF_RATE = 0.1  # of the rate that the trial was fine-tuned with at most


def healing_of(trial: RecordedTrial, settings: RunSettings) -> Healing:
    """Return both errors of a trial whose latent weights are here; all its scales are positive."""
    spec = trial.spec
    batches = batches_of(spec, images_of(spec, settings), settings)
    recipe = spec.recipe.model_copy(
        update={
            "epochs": spec.recipe.epochs + EPOCHS,
            "learning_rate": SHARE_OF_RATE * spec.recipe.learning_rate,
            "schedule": "step",
            "decay_epochs": (),
            "decay_factors": (),
            "warmup_epochs": 0.0,
        }
    )
    errors = []
    for equal in (False, True):
        model = trained_model(spec, trial.paths, spec.card.classes)
        place_(model, settings.device)
        if equal:
            hold_equal_(model)
        errors.append(_error_after(model, recipe, batches))
    return Healing(
        epochs=EPOCHS,
        learning_rate=recipe.learning_rate,
        as_trained_error_percent=errors[0],
        equal_error_percent=errors[1],
    )


@torch.no_grad()
def hold_equal_(model: nn.Module) -> None:
    """Make both scales of each layer equal, and keep training from changing them."""
    for _, layer in quantized_layers(model):
        set_rho_(layer, 0.0)
    for name, parameter in model.named_parameters():
        if is_scale(name):
            parameter.requires_grad_(False)


def _error_after(model: nn.Module, recipe: Recipe, batches: Batches) -> float:
    fuse_(model)
    state = start(model, recipe, is_scale)
    state.epoch = recipe.epochs - EPOCHS
    # As in the trial itself. A strategy that moves has arrived: its ramp is within the training.
    set_epoch_(model, state.epoch, begins=True)
    *_, last = train(state, batches, recipe, lambda _step, _steps: None)
    return last.test.error_percent
