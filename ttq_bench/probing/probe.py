"""The probe of one finished trial: its test error when the two scales of a layer are made equal."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

import torch
from torch import Tensor, nn

from ttq_bench.errors import ResultsError
from ttq_bench.probing.healing import healing_of
from ttq_bench.probing.symmetrise import (
    batch_norms,
    left_as_it_was,
    moves,
    reestimate_batch_norm_,
    rho_of,
    rms_change,
    symmetrised,
)
from ttq_bench.probing.trained_network import RecordedTrial, trained_model
from ttq_bench.provenance import collect_provenance
from ttq_bench.records.probes import (
    LARGEST_DIFFERENCE_PERCENT,
    PROBE_VERSION,
    Kernels,
    MovedScales,
    Probe,
    SymmetrisedLayer,
)
from ttq_bench.records.weights import weights_digest
from ttq_bench.spec.trial import TrialSpec
from ttq_bench.ternary.conversion import latent_of, quantized_layers, quantizer_of
from ttq_bench.ternary.weight_stats import layer_statistics
from ttq_bench.training.evaluation import BATCH, evaluate
from ttq_bench.trial.inputs import batches_of, images_of, place_
from ttq_bench.trial.settings import RunSettings

REESTIMATION_IMAGES = 5120
REESTIMATION_BATCH = 128  # 40 full batches: each counts the same in the average
SEED = 0  # the same images for every trial of a dataset


class ProbeImages:
    """Test images, and training images augmented as in training, on the device.

    The same for all trials of a dataset that hold out as many images for validation and augment
    alike. Without augmentation the statistics would be those of other images than the network was
    trained on: a ResNet-20 goes from 19.94 to 22.26 % by that alone.
    """

    def __init__(self, spec: TrialSpec, settings: RunSettings) -> None:
        """Raise ``DataError`` if the trial was planned with other images than are there."""
        images = images_of(spec, settings)
        recipe = spec.recipe.model_copy(update={"batch_size": REESTIMATION_BATCH})
        spec = spec.model_copy(update={"recipe": recipe, "seed": SEED, "repeat": 0})
        self.batches = batches_of(spec, images, settings)
        count = REESTIMATION_IMAGES // REESTIMATION_BATCH
        # Batches [B, C, H, W] of one size, in the order and with the crops of a first epoch.
        self.training = [batch for batch, _ in islice(self.batches.epoch(0), count)]
        self.pixels_sha256 = images.pixels_sha256

    def test(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield all test images [B, C, H, W] with their labels [B]."""
        return self.batches.held_out("test", BATCH)


@dataclass(frozen=True, slots=True)
class SymmetrisedErrors:
    """Test errors in percent, as in ``Probe``; ``left_out`` has no geometric mean."""

    reestimated: float
    by_layer: tuple[SymmetrisedLayer, ...]
    left_out: tuple[str, ...]
    all_layers: float | None
    moved: tuple[MovedScales, ...]


def probe_trial(
    trial: RecordedTrial, images: ProbeImages, settings: RunSettings, *, heal: bool = False
) -> Probe:
    """Return the probe of a trial that learned two scales a layer; ``heal``: with an epoch more.

    Raises ``TtqBenchError`` for weights that are missing, damaged, or not those of the record.
    """
    started = time.perf_counter()
    precision = trial.spec.recipe.precision
    model = trained_model(trial.spec, trial.paths, trial.spec.card.classes)
    place_(model, settings.device)
    as_trained = evaluate(model, images.test(), precision).error_percent
    _check_recorded(trial, as_trained)
    errors = symmetrised_errors(model, images, precision)
    return Probe(
        probe_version=PROBE_VERSION,
        trial_id=trial.paths.trial_id,
        weights_sha256=weights_digest(trial.paths),
        test_images=images.batches.test_count,
        reestimation_images=sum(map(len, images.training)) if batch_norms(model) else 0,
        as_trained_error_percent=as_trained,
        reestimated_error_percent=errors.reestimated,
        symmetrised=errors.by_layer,
        not_symmetrised=errors.left_out,
        all_symmetrised_error_percent=errors.all_layers,
        moved=errors.moved,
        healing=healing_of(trial, settings) if heal and not errors.left_out else None,
        kernels=first_kernels(model),
        seconds=time.perf_counter() - started,
        run={
            "device": settings.device,
            "device_name": torch.cuda.get_device_name() if settings.device == "cuda" else "cpu",
            "threads": settings.threads,
            "precision": precision,
            "pixels_sha256": images.pixels_sha256,
            "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        },
        provenance=collect_provenance(),
    )


def _check_recorded(trial: RecordedTrial, error_percent: float) -> None:
    assert trial.record.errors is not None, "a finished trial has errors"
    recorded = trial.record.errors.final_percent
    if not abs(error_percent - recorded) <= LARGEST_DIFFERENCE_PERCENT:
        raise ResultsError(
            f"{trial.paths.trial_id}: its weights are not those of the record, which has a test"
            f" error of {recorded:.2f} % where they have {error_percent:.2f} %; delete"
            f" {trial.paths.network} and {trial.paths.work} to leave this trial out"
        )


@torch.no_grad()
def symmetrised_errors(model: nn.Module, images: ProbeImages, precision: str) -> SymmetrisedErrors:
    """Return the errors with the scales as trained, equal in each layer, in all, and moved.

    Statistics of batch normalisation are estimated anew for each of them. A layer with a scale that
    is not positive has no geometric mean: it is left out, and then there is none for all layers.
    ``model`` is as before afterwards.
    """

    def error_with(layers: Sequence[nn.Module], rhos: Sequence[Tensor] | None = None) -> float:
        with symmetrised(layers, rhos):
            if batch_norms(model):
                reestimate_batch_norm_(model, images.training, precision)
            return evaluate(model, images.test(), precision).error_percent

    def moved() -> Iterator[MovedScales]:
        trained = [rho_of(layer) for layer in layers.values()]
        for kind, draw, rhos in moves(trained):
            yield MovedScales(
                kind=kind,
                draw=draw,
                rms_change=rms_change(trained, rhos),
                test_error_percent=error_with(list(layers.values()), rhos),
            )

    layers = dict(quantized_layers(model))
    rho = {layer.layer: layer.rho for layer in layer_statistics(model)}
    left_out = tuple(name for name in layers if not math.isfinite(rho[name]))
    with left_as_it_was(model):
        return SymmetrisedErrors(
            reestimated=error_with([]),
            by_layer=tuple(
                SymmetrisedLayer(layer=name, rho=rho[name], test_error_percent=error_with([layer]))
                for name, layer in layers.items()
                if name not in left_out
            ),
            left_out=left_out,
            all_layers=None if left_out else error_with(list(layers.values())),
            moved=() if left_out else tuple(moved()),
        )


def first_kernels(model: nn.Module) -> Kernels | None:
    """Return the codes of the first quantized convolution that looks further than one pixel."""
    for name, layer in quantized_layers(model):
        if isinstance(layer, nn.Conv2d) and max(layer.kernel_size) > 1:
            codes = quantizer_of(layer).codes(latent_of(layer))
            text = "".join("-0+"[code + 1] for code in codes.flatten().tolist())
            return Kernels(layer=name, shape=tuple(codes.shape), codes=text)
    return None
