"""One trial from its spec to its record: claim an attempt, train, publish."""

import contextlib
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import torch

from ttq_bench.errors import TtqBenchError
from ttq_bench.export.published import publish_network
from ttq_bench.provenance import arithmetic
from ttq_bench.ranks import Ranks
from ttq_bench.records.attempts.holder import this_host
from ttq_bench.records.attempts.lease import (
    End,
    Lease,
    claim,
    earlier_ends,
    note_end,
    why_superseded,
)
from ttq_bench.records.attempts.progress import Progress, read_progress
from ttq_bench.records.paths import AttemptPaths
from ttq_bench.records.replaced import set_other_network_aside
from ttq_bench.records.schema import TrialRecord
from ttq_bench.records.store import record_files_of
from ttq_bench.spec.trial import TrialSpec
from ttq_bench.training.checkpoints import save_state
from ttq_bench.training.schedules import check_warmup
from ttq_bench.training.steps import own_stream
from ttq_bench.trial.epochs import EpochLoop, state_at_start
from ttq_bench.trial.heartbeat import Heartbeat
from ttq_bench.trial.history import History, epoch_rows, histogram_rows, make_record, scale_rows
from ttq_bench.trial.inputs import batches_of, images_of
from ttq_bench.trial.outcome import Outcome, SupersededError, cause_of
from ttq_bench.trial.rank_followers import check_images
from ttq_bench.trial.settings import RunSettings


def run_trial(spec: TrialSpec, settings: RunSettings, should_stop: Callable[[], bool]) -> Outcome:
    """Claim an attempt at ``spec``, go on at its last checkpoint, publish the record.

    The outcome is ``finished``, ``diverged`` or ``stopped``. Raises ``SupersededError`` if a newer
    attempt takes over, ``TtqBenchError`` for what the user can mend, and lets everything else
    through: the caller leaves ``failure.json``. How it ended is noted beside the lease.
    """
    folder = settings.folder()
    paths = folder.results.trial(spec.trial_id)
    folder.bring_states(paths)
    if spec.parent is not None:
        folder.bring_states(folder.results.trial(spec.parent), weights_alone=True)
    last = read_progress(paths) or Progress(0, spec.recipe.epochs, 0.0, None, None, 0.0)
    made_by = arithmetic()
    if settings.arithmetic not in ("", made_by):
        raise TtqBenchError(
            f"{spec.trial_id}: the code here ({made_by}) is not the one the run was started with"
            f" ({settings.arithmetic}); bring all machines to one version, run the command again"
        )
    now = datetime.now(UTC).isoformat(timespec="seconds")
    lease = Lease(this_host(), os.getpid(), settings.node, made_by, now)
    attempt = claim(paths, lease, folder.create)
    try:
        with Heartbeat(attempt, last, folder) as heartbeat:
            started_with = replace(settings, arithmetic=made_by)
            with own_stream(torch.device(settings.device)):
                return _attempted(spec, started_with, should_stop, heartbeat)
    except Exception as raised:
        error = _superseded(attempt) or raised
        cause = "superseded" if isinstance(error, SupersededError) else cause_of(error)
        with contextlib.suppress(OSError, TtqBenchError):  # the error that is raised counts
            note_end(attempt, End(cause, _in_words(error)), folder.create)
        if error is raised:
            raise
        raise error from raised


def _in_words(error: Exception) -> str:
    """Return an error as a record may hold it: without paths and names of machines or people."""
    if isinstance(error, SupersededError):
        return str(error)
    strerror = error.strerror if isinstance(error, OSError) else None
    return strerror or type(error).__name__


def _superseded(attempt: AttemptPaths) -> SupersededError | None:
    # A newer attempt deletes the files of this one, maybe while this one writes: whatever fails
    # because of that is no failure of the trial.
    with contextlib.suppress(OSError):
        if reason := why_superseded(attempt):
            return SupersededError(reason)
    return None


def _attempted(
    spec: TrialSpec,
    settings: RunSettings,
    should_stop: Callable[[], bool],
    heartbeat: Heartbeat,
) -> Outcome:
    torch.set_num_threads(settings.threads)
    images = images_of(spec, settings)
    batches, ranks = batches_of(spec, images, settings), Ranks(settings.rank, settings.ranks)
    check_warmup(spec.recipe, batches.steps_per_epoch)
    made_by = {"arithmetic": settings.arithmetic, "pixels": images.pixels_sha256}
    state, history = state_at_start(
        spec, settings, images.card.classes, batches, attempt=heartbeat.attempt, made_by=made_by
    )
    if ranks.count > 1:
        batches = batches_of(spec, images, settings, ranks)
        check_images(ranks, images)
        ranks.state_of_first(state.state_dict())
    loop = EpochLoop(spec, settings, should_stop, heartbeat, history, made_by, ranks)
    outcome = loop.train(state, batches)
    if outcome == "stopped":
        end = End("stopped", "the run was asked to end")
        note_end(heartbeat.attempt, end, heartbeat.folder.create)
        return outcome
    weights = {"model": state.model.state_dict()}
    digest = save_state(heartbeat.attempt.weights, weights, heartbeat.fence)
    heartbeat.folder.keep(heartbeat.attempt)
    if outcome == "finished":  # before the record: whoever sees that may look for the network
        trial, folder = heartbeat.attempt.trial, heartbeat.folder
        heartbeat.fence()
        set_other_network_aside(folder, trial, digest)
        publish_network(folder.create, trial, state.model, spec, weights_sha256=digest)
    record = make_record(
        spec,
        state,
        history,
        outcome,
        settings=settings,
        images=images,
        steps_per_epoch=batches.steps_per_epoch,
        earlier_ends=earlier_ends(heartbeat.attempt),
    )
    heartbeat.fence()
    _publish(heartbeat, record, history)
    return outcome


def _publish(heartbeat: Heartbeat, record: TrialRecord, history: History) -> None:
    tables = {
        "epochs.parquet": epoch_rows(history),
        "scales.parquet": scale_rows(history),
        "histograms.parquet": histogram_rows(history),
    }
    heartbeat.folder.publish(heartbeat.attempt.trial, record_files_of(record, tables))
