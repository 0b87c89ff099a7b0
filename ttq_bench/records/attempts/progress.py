"""Where a running trial is: a small file that its worker rewrites and the driver reads."""

import json
from dataclasses import asdict, dataclass

import pydantic

from ttq_bench.files import write_atomically
from ttq_bench.records.attempts.lease import attempt_numbers
from ttq_bench.records.paths import AttemptPaths, TrialPaths


@dataclass(frozen=True, slots=True)
class Progress:
    """Epochs done and in all, the share of the running epoch, and the last validation error.

    ``updated`` is the worker's clock, for display alone. ``beat`` counts the signs of life: who
    watches looks whether it changes, so that no clock but his own matters. ``ended``: no more
    will come, the worker let go of the trial by itself. ``saved_share`` is what a checkpoint has of
    the epoch that is not whole: there the trial goes on, however its worker ended.
    """

    epoch: int
    epochs: int
    share_of_epoch: pydantic.FiniteFloat
    validation_error_percent: pydantic.FiniteFloat | None
    epoch_seconds: pydantic.FiniteFloat | None
    updated: pydantic.FiniteFloat
    beat: int = 0
    ended: bool = False
    saved_share: float = 0.0


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
