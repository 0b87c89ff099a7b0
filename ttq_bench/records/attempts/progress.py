"""Where a running trial is: a small file that its worker rewrites and the driver reads."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import pydantic

from ttq_bench.files import is_intact, write_atomically
from ttq_bench.records.attempts.lease import attempt_numbers
from ttq_bench.records.paths import AttemptPaths, TrialPaths
from ttq_bench.training.checkpoint_names import newest_first, place_of


@dataclass(frozen=True, slots=True)
class Progress:
    """Epochs done and in all, the share of the running epoch, and the last validation error.

    ``updated`` is the worker's clock, for display alone. ``beat`` counts the signs of life: a
    watcher checks whether it changes, so that only the watcher's own clock matters. ``ended``: the
    worker has finished with the trial, no further sign will come. ``saved_share`` is the share of
    the running epoch that a checkpoint holds: there the trial goes on, however its worker ended.
    """

    epoch: pydantic.NonNegativeInt
    epochs: pydantic.NonNegativeInt
    share_of_epoch: pydantic.FiniteFloat
    validation_error_percent: pydantic.FiniteFloat | None
    epoch_seconds: pydantic.FiniteFloat | None
    updated: pydantic.FiniteFloat
    beat: int = 0
    ended: bool = False
    saved_share: pydantic.FiniteFloat = 0.0


_PROGRESS = pydantic.TypeAdapter(Progress)


def write_progress(attempt: AttemptPaths, progress: Progress) -> None:
    """Rewrite the progress file of an attempt."""
    write_atomically(attempt.progress, json.dumps(asdict(progress)).encode())


def read_progress(paths: TrialPaths) -> Progress | None:
    """Return where the newest attempt is that says so, or None where none does."""
    for number in reversed(attempt_numbers(paths)):
        if progress := progress_of(paths.attempt(number)):
            return progress
    return None


def progress_of(attempt: AttemptPaths) -> Progress | None:
    """Return where an attempt is, or None where it does not say so (or cannot be read)."""
    try:
        return _PROGRESS.validate_json(attempt.progress.read_bytes())
    except (OSError, ValueError):
        return None


def is_begun(paths: TrialPaths) -> bool:
    """Return whether an attempt wrote where it is, readable or not, or saved a checkpoint."""
    attempts = map(paths.attempt, attempt_numbers(paths))
    return any(os.path.lexists(a.progress) or _checkpoints(a) for a in attempts)


def saved_epochs(paths: TrialPaths) -> int | None:
    """Return the whole epochs before the newest checkpoint that is intact, None without any.

    For trials whose attempts do not say where they are.
    """
    states = [path for n in attempt_numbers(paths) for path in _checkpoints(paths.attempt(n))]
    return next((place_of(path)[0] for path in newest_first(states) if is_intact(path)), None)


def _checkpoints(attempt: AttemptPaths) -> list[Path]:
    try:
        return newest_first(attempt.checkpoints.iterdir())
    except OSError:
        return []
