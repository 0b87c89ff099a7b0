"""One trial from its spec to its record. The only place where the leaves meet."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from ttq_bench.data.batches import TrialBatches
from ttq_bench.data.catalog import catalog_name
from ttq_bench.data.identity import identify
from ttq_bench.data.prepared import ImageSet, load_images
from ttq_bench.data.sources import find_source
from ttq_bench.errors import DataError, TtqBenchError
from ttq_bench.execution.history import (
    epoch_entry,
    epoch_rows,
    make_record,
    scale_rows,
    start_entry,
)
from ttq_bench.execution.outcome import Outcome
from ttq_bench.execution.settings import RunSettings
from ttq_bench.models.build import build_model
from ttq_bench.models.state import load_weights
from ttq_bench.records.paths import ResultsPaths, TrialPaths
from ttq_bench.records.progress import Progress, write_progress
from ttq_bench.records.store import publish_record
from ttq_bench.seeding import stream_seed
from ttq_bench.suite.spec import TrialSpec
from ttq_bench.ternary.conversion import quantize_
from ttq_bench.training.checkpoints import Checkpoints, load_state, save_state
from ttq_bench.training.loop import (
    DivergedError,
    EpochResult,
    StoppedError,
    TrainingState,
    start,
    train,
)

PROGRESS_SECONDS = 1.0
SCALE_NAMES = ("positive_scale", "negative_scale")


def run_trial(spec: TrialSpec, settings: RunSettings, should_stop: Callable[[], bool]) -> Outcome:
    """Train ``spec`` from its last checkpoint and publish its record; return the outcome.

    The outcome is ``finished``, ``diverged`` or ``stopped``. Raises ``TtqBenchError`` for what the
    user can mend, and lets everything else through: the caller leaves ``failure.json``.
    """
    torch.set_num_threads(settings.threads)
    device = torch.device(settings.device)
    paths = ResultsPaths(settings.results).trial(spec.trial_id)
    images = images_of(spec, settings)
    run = _Run(spec, paths, should_stop)
    state = start(make_model(spec, images, paths.results, device), spec.recipe, is_scale)
    batches = TrialBatches(
        images,
        seed=spec.seed,
        batch_size=spec.recipe.batch_size,
        validation_count=spec.validation_count,
        augmentation=spec.recipe.augmentation,
        device=device,
    )
    outcome = run.train(state, batches)
    if outcome != "stopped":
        save_state(paths.weights, {"model": state.model.state_dict()})
        record = make_record(spec, state, outcome, settings, images)
        publish_record(paths, record, epoch_rows(state), scale_rows(state))
    return outcome


def images_of(spec: TrialSpec, settings: RunSettings) -> ImageSet:
    """Return the images of a trial; ``DataError`` if it was planned with other ones."""
    source = find_source(catalog_name(spec.dataset), settings.data_dir)
    identity = identify(source, settings.cache)
    if identity.fingerprint != spec.data_fingerprint:
        raise DataError(
            f"{settings.data_dir}: holds {identity.name} ({identity.fingerprint[:19]}...),"
            f" the trial was planned with {spec.dataset} ({spec.data_fingerprint[:19]}...)"
        )
    return load_images(source, identity, settings.cache)


def make_model(
    spec: TrialSpec, images: ImageSet, results: ResultsPaths, device: torch.device
) -> nn.Module:
    """Return the network as it is before the first epoch: parent's weights, then conversion."""
    seed = stream_seed(spec.seed, "init")
    model = build_model(spec.model, classes=images.classes, seed=seed)
    if spec.parent is not None:
        weights = results.trial(spec.parent).weights
        parent = load_state(weights)
        if parent is None:
            raise TtqBenchError(
                f"{weights}: weights of the parent are missing or damaged; run the suite again"
            )
        load_weights(model, parent["model"], source=str(weights))
    model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    if spec.quantization is not None:
        strategy = spec.quantization.strategy
        quantize_(
            model,
            spec.quantization.method,
            strategy=strategy.name,
            number=strategy.number,
            **spec.quantization.conversion.model_dump(),
        )
    return model


def is_scale(parameter_name: str) -> bool:
    """Return whether a parameter is one of the learned scales."""
    return parameter_name.rpartition(".")[2] in SCALE_NAMES


@dataclass
class _Run:
    """The loop around the epochs: resume, observe, checkpoint, tell where it is."""

    spec: TrialSpec
    paths: TrialPaths
    should_stop: Callable[[], bool]
    last_written: float = 0.0
    last_result: EpochResult | None = None

    def train(self, state: TrainingState, batches: TrialBatches) -> Outcome:
        checkpoints = Checkpoints(self.paths.checkpoints)
        saved = checkpoints.load_latest()
        if saved is not None:
            state.load_state_dict(saved)
        else:
            state.history.append(start_entry(state.model))
        self.tell(state, 0.0)
        try:
            for result in train(
                state, batches, self.spec.recipe, lambda s, n: self.on_step(state, s, n)
            ):
                self.last_result = result
                state.history.append(epoch_entry(result, state.model))
                checkpoints.save(state.epoch, state.state_dict())
                self.tell(state, 0.0)
        except StoppedError:
            return "stopped"
        except DivergedError:
            return "diverged"
        return "finished"

    def on_step(self, state: TrainingState, step: int, steps: int) -> None:
        due = time.monotonic() - self.last_written >= PROGRESS_SECONDS
        # Between epochs too: the clock starts anew with each, and one may take less than a second.
        if (due or step == 0) and self.should_stop():
            raise StoppedError
        if due:
            self.tell(state, step / steps)

    def tell(self, state: TrainingState, share: float) -> None:
        last = state.history[-1].get("row", {})
        progress = Progress(
            epoch=state.epoch,
            epochs=self.spec.recipe.epochs,
            share_of_epoch=share,
            validation_error_percent=last.get("validation_error_percent"),
            epoch_seconds=last.get("epoch_seconds"),
            updated=time.time(),
        )
        write_progress(self.paths, progress)
        self.last_written = time.monotonic()
