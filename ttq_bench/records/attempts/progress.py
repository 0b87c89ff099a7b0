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

    ``updated`` is the worker's clock, for display alone. ``beat`` counts the signs of life: who
    watches looks whether it changes, so that no clock but his own matters. ``ended``: no more
    will come, the worker let go of the trial by itself. ``saved_share`` is what a checkpoint has of
    the epoch that is not whole: there the trial goes on, however its worker ended.
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
    found = (progress_of(paths.attempt(n)) for n in reversed(attempt_numbers(paths)))
    return next((progress for progress in found if progress is not None), None)


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
    found = [path for n in attempt_numbers(paths) for path in _checkpoints(paths.attempt(n))]
    return next((place_of(path)[0] for path in newest_first(found) if is_intact(path)), None)


def _checkpoints(attempt: AttemptPaths) -> list[Path]:
    try:
        return newest_first(attempt.checkpoints.iterdir())
    except OSError:
        return []
