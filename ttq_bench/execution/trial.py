"""One trial from its spec to its record."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from ttq_bench.data.batches import TrialBatches
from ttq_bench.execution.history import (
    attempt_entry,
    diverged_entry,
    epoch_entry,
    epoch_rows,
    histogram_rows,
    make_record,
    scale_rows,
    start_entry,
)
from ttq_bench.execution.observation import Observation
from ttq_bench.execution.outcome import Outcome
from ttq_bench.execution.settings import RunSettings
from ttq_bench.execution.start import batches_of, convert_, images_of, is_scale, starting_model
from ttq_bench.records.paths import ResultsPaths, TrialPaths
from ttq_bench.records.progress import Progress, write_progress
from ttq_bench.records.schema import Start
from ttq_bench.records.store import publish_record
from ttq_bench.suite.spec import TrialSpec
from ttq_bench.ternary.conversion import set_epoch_
from ttq_bench.training.checkpoints import Checkpoints, save_state
from ttq_bench.training.evaluation import evaluate
from ttq_bench.training.loop import (
    EVALUATION_BATCH,
    DivergedError,
    StoppedError,
    TrainingState,
    start,
    train,
)

PROGRESS_SECONDS = 1.0


def run_trial(spec: TrialSpec, settings: RunSettings, should_stop: Callable[[], bool]) -> Outcome:
    """Train ``spec`` from its last checkpoint and publish its record; return the outcome.

    The outcome is ``finished``, ``diverged`` or ``stopped``. Raises ``TtqBenchError`` for what the
    user can mend, and lets everything else through: the caller leaves ``failure.json``.
    """
    torch.set_num_threads(settings.threads)
    device = torch.device(settings.device)
    paths = ResultsPaths(settings.results).trial(spec.trial_id)
    images = images_of(spec, settings)
    batches = batches_of(spec, images, device)
    state = _state_at_start(spec, paths, images.classes, batches, device)
    state.history.append(attempt_entry(state.epoch, settings))
    outcome = _Run(spec, paths, settings.histogram_epochs, should_stop).train(state, batches)
    if outcome != "stopped":
        save_state(paths.weights, {"model": state.model.state_dict()})
        record = make_record(
            spec,
            state,
            outcome,
            settings=settings,
            images=images,
            steps_per_epoch=batches.steps_per_epoch,
        )
        tables = {
            "epochs.parquet": epoch_rows(state),
            "scales.parquet": scale_rows(state),
            "histograms.parquet": histogram_rows(state),
        }
        publish_record(paths, record, tables)
    return outcome


def _state_at_start(
    spec: TrialSpec,
    paths: TrialPaths,
    classes: int,
    batches: TrialBatches,
    device: torch.device,
) -> TrainingState:
    """Return the state of the last checkpoint, or the one before the first step."""
    saved = Checkpoints(paths.checkpoints).load_latest()
    model, weights_sha256 = starting_model(spec, classes, paths.results, device)
    begun = None
    if saved is None and weights_sha256 is not None:
        # Measured here and not taken from the parent's record: a parent that was trained anew, say
        # on another machine, may differ from its record in the last bits.
        test = evaluate(model, batches.held_out("test", EVALUATION_BATCH), spec.recipe.precision)
        begun = Start(weights_sha256=weights_sha256, test_error_percent=test.error_percent)
    convert_(model, spec)
    state = start(model, spec.recipe, is_scale)
    if saved is not None:
        state.load_state_dict(saved)
    else:
        state.history.append(start_entry(model, begun))
    return state


@dataclass
class _Run:
    """The loop around the epochs: observe, checkpoint, tell where it is."""

    spec: TrialSpec
    paths: TrialPaths
    histogram_epochs: tuple[int, ...]
    should_stop: Callable[[], bool]
    last_written: float = 0.0

    def train(self, state: TrainingState, batches: TrialBatches) -> Outcome:
        checkpoints = Checkpoints(self.paths.checkpoints)
        recipe = self.spec.recipe
        set_epoch_(state.model, state.epoch)
        observation = Observation(state.model)
        self.tell(state, 0.0)
        try:
            for result in train(
                state,
                batches,
                recipe,
                lambda s, n: self.on_step(state, s, n),
                observation.after_backward,
            ):
                kept = state.epoch in (*self.histogram_epochs, recipe.epochs)
                state.history.append(epoch_entry(result, observation, with_histograms=kept))
                checkpoints.save(state.epoch, state.state_dict())
                self.tell(state, 0.0)
        except StoppedError:
            self.tell(state, 0.0, running=False)
            return "stopped"
        except DivergedError as error:
            state.history.append(diverged_entry(error.epoch, str(error)))
            return "diverged"
        return "finished"

    def on_step(self, state: TrainingState, step: int, steps: int) -> None:
        due = time.monotonic() - self.last_written >= PROGRESS_SECONDS
        # Between epochs too: the clock starts anew with each, and one may take less than a second.
        if (due or step == 0) and self.should_stop():
            raise StoppedError
        if step == 0 or self.spec.strategy_moves:
            set_epoch_(state.model, state.epoch + step / steps, begins=step == 0)
        if due:
            self.tell(state, step / steps)

    def tell(self, state: TrainingState, share: float, *, running: bool = True) -> None:
        last = (epoch_rows(state) or [{}])[-1]
        progress = Progress(
            epoch=state.epoch,
            epochs=self.spec.recipe.epochs,
            share_of_epoch=share,
            validation_error_percent=last.get("validation_error_percent"),
            epoch_seconds=last.get("epoch_seconds"),
            updated=time.time() if running else 0.0,
        )
        write_progress(self.paths, progress)
        self.last_written = time.monotonic()
