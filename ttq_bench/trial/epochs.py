"""The epochs of a trial, from its last checkpoint on: trained, observed and saved."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import torch

from ttq_bench.ranks import ALONE, Ranks
from ttq_bench.records.attempts.lease import attempt_numbers
from ttq_bench.records.attempts.progress import Progress
from ttq_bench.records.paths import AttemptPaths, ResultsPaths
from ttq_bench.records.schema import Start
from ttq_bench.spec.trial import TrialSpec
from ttq_bench.ternary.conversion import quantized_layers, quantizer_of, set_epoch_
from ttq_bench.training.checkpoints import KEEP, save_checkpoint, whole_states
from ttq_bench.training.evaluation import batch_size, evaluate
from ttq_bench.training.loop import (
    Batches,
    DivergedError,
    StoppedError,
    TrainingState,
    train,
)
from ttq_bench.trial.heartbeat import Heartbeat
from ttq_bench.trial.history import (
    HistoryEntry,
    attempt_entry,
    epoch_entry,
    epoch_rows,
    from_plain,
    start_entry,
    to_plain,
)
from ttq_bench.trial.inputs import starting_model, state_of
from ttq_bench.trial.observation import Observation
from ttq_bench.trial.outcome import cause_of
from ttq_bench.trial.rank_followers import Order, move_strategy, obey, shared_state
from ttq_bench.trial.settings import RunSettings

LOOK_SECONDS = 1.0
LOSS_SECONDS = 5.0  # of training that a stop may lose: epochs that are longer are saved first


def state_at_start(
    spec: TrialSpec,
    settings: RunSettings,
    classes: int,
    batches: Batches,
    *,
    attempt: AttemptPaths,
    made_by: dict[str, str],
) -> tuple[TrainingState, list[HistoryEntry]]:
    """Return state and history of the last fitting checkpoint, or those before the first step.

    The checkpoints of all attempts are tried. One that is damaged, or that others have made, is
    left alone: ``made_by`` names the code and the decoded images of this attempt.
    """
    paths, has_others = attempt.trial, False
    for saved in whole_states(paths.attempt(n).checkpoints for n in attempt_numbers(paths)):
        if saved.get("made_by") == made_by:  # others may be of a later epoch
            state, _ = _state_before(spec, settings, classes, paths.results)
            history = _taken_over(state, saved)
            if history is not None:
                history.append(attempt_entry(state, attempt.number, settings, anew=False))
                return state, history
        has_others = True
    state, begun = _state_before(spec, settings, classes, paths.results, batches)
    first = start_entry(state.model, begun)
    return state, [first, attempt_entry(state, attempt.number, settings, anew=has_others)]


def _state_before(
    spec: TrialSpec,
    settings: RunSettings,
    classes: int,
    results: ResultsPaths,
    batches: Batches | None = None,
) -> tuple[TrainingState, Start | None]:
    """Return the state before the first step; with ``batches``, also that of its parent."""
    model, weights_sha256 = starting_model(spec, classes, results, torch.device(settings.device))
    begun = None
    if batches is not None and weights_sha256 is not None:
        # Measured here and not taken from the parent's record: a parent that was trained anew, say
        # on another machine, may differ from its record in the last bits.
        test = evaluate(model, batches.held_out("test", batch_size(model)), spec.recipe.precision)
        begun = Start(weights_sha256=weights_sha256, test_error_percent=test.error_percent)
    return state_of(model, spec), begun


def _taken_over(state: TrainingState, saved: dict[str, Any]) -> list[HistoryEntry] | None:
    """Load what was saved into ``state``; return its history, None for one damaged within."""
    try:
        state.load_state_dict(saved)
        history = from_plain(saved["history"], state.epoch)
        if state.within.observed:
            Observation(state.model).load_state_dict(state.within.observed)
    except (
        ArithmeticError, AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError,
    ) as error:  # fmt: skip
        if cause_of(error) == "memory":
            raise
        return None
    return history


@dataclass
class EpochLoop:
    """The loop around the epochs: observe, save, write the progress, check whether to stop."""

    spec: TrialSpec
    settings: RunSettings
    should_stop: Callable[[], bool]
    heartbeat: Heartbeat
    history: list[HistoryEntry]
    made_by: dict[str, str]
    ranks: Ranks = ALONE
    last_look: float = 0.0
    last_save: float = field(default_factory=time.monotonic)
    saved_share: float | None = None  # of the epoch that is not whole; None until its first step

    def train(
        self, state: TrainingState, batches: Batches
    ) -> Literal["finished", "diverged", "stopped"]:
        """Train to the recipe's last epoch; return how that ended."""
        recipe = self.spec.recipe
        set_epoch_(state.model, state.epoch)
        quantizers = [quantizer_of(layer) for _, layer in quantized_layers(state.model)]
        observation = Observation(state.model)
        if state.within.observed:
            observation.load_state_dict(state.within.observed)
        self.heartbeat.write(self.progress(state, 0.0))
        try:
            for result in train(
                state,
                batches,
                recipe,
                lambda s, n: self.on_step(state, observation, s, n),
                observation.after_backward,
                constants=lambda: tuple(quantizer.number for quantizer in quantizers),
            ):
                self.ranks.check_equal(shared_state(state.model))
                kept = state.epoch in (*self.settings.histogram_epochs, recipe.epochs)
                self.history.append(epoch_entry(result, observation, with_histograms=kept))
                self.save(state)
                self.saved_share = 0.0
                self.heartbeat.write(self.progress(state, 0.0))
        except StoppedError:
            self.heartbeat.write(self.progress(state, self.saved_share or 0.0))
            return "stopped"
        except DivergedError as error:
            entry = HistoryEntry(epoch=error.epoch, layers=[], diverged=str(error))
            self.history.append(entry)
            return "diverged"
        return "finished"

    def on_step(
        self, state: TrainingState, observation: Observation, step: int, steps: int
    ) -> None:
        """Check whether to stop or to save, move the threshold, note the progress.

        ``step`` is ``steps`` while the epoch is evaluated.
        """
        if self.saved_share is None:  # what was carried on is in the checkpoint that it came from
            self.saved_share = step / steps
        due = time.monotonic() - self.last_look >= LOOK_SECONDS
        # Between epochs too: one may take less than a second.
        order = self.order() if due or step == 0 else Order.GO_ON

        def save() -> None:
            state.within.observed = observation.state_dict()
            self.save(state)
            self.saved_share = step / steps

        obey(order, self.ranks, state, save)
        move_strategy(self.spec, state, step, steps)
        if due:
            self.heartbeat.check()
            self.heartbeat.note(self.progress(state, step / steps))
            self.last_look = time.monotonic()

    def order(self) -> Order:
        """Return whether to save, and whether to stop, now."""
        unsaved = time.monotonic() - self.last_save
        if self.should_stop():
            return Order.SAVE | Order.STOP if unsaved > LOSS_SECONDS else Order.STOP
        return Order.SAVE if unsaved > self.settings.checkpoint_seconds else Order.GO_ON

    def save(self, state: TrainingState) -> None:
        """Write a checkpoint, unless a newer attempt has taken over."""
        attempt = self.heartbeat.attempt
        history = to_plain(self.history)
        kept = save_checkpoint(
            attempt.checkpoints,
            state.epoch,
            {**state.state_dict(), "history": history, "made_by": self.made_by},
            self.heartbeat.fence,
            len(state.within.losses),
        )
        self.last_save = time.monotonic()
        if kept == KEEP:  # those of older attempts are of no use any more
            for number in attempt_numbers(attempt.trial):
                if number < attempt.number:
                    shutil.rmtree(attempt.trial.attempt(number).folder, ignore_errors=True)
        self.heartbeat.folder.keep(attempt)

    def progress(self, state: TrainingState, share: float) -> Progress:
        """Return the progress, ``share`` of an epoch after the last whole one."""
        last, before = (epoch_rows(self.history) or [{}])[-1], self.heartbeat.progress
        saved = self.saved_share
        if saved is None:
            saved = before.saved_share if before.epoch == state.epoch else 0.0
        return Progress(
            epoch=state.epoch,
            epochs=self.spec.recipe.epochs,
            share_of_epoch=share,
            validation_error_percent=last.get("validation_error_percent"),
            epoch_seconds=last.get("epoch_seconds"),
            updated=0.0,
            saved_share=saved,
        )
