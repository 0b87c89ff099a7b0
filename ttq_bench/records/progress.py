"""Where a running trial is: a small file that its worker rewrites and the driver reads."""

import json
from dataclasses import asdict, dataclass

from ttq_bench.files import write_atomically
from ttq_bench.records.paths import TrialPaths


@dataclass(frozen=True, slots=True)
class Progress:
    """Epochs done and in all, the share of the running epoch, and the last validation error."""

    epoch: int
    epochs: int
    share_of_epoch: float
    validation_error_percent: float | None
    epoch_seconds: float | None
    updated: float


def write_progress(paths: TrialPaths, progress: Progress) -> None:
    """Rewrite the progress file."""
    write_atomically(paths.progress, json.dumps(asdict(progress)).encode())


def read_progress(paths: TrialPaths) -> Progress | None:
    """Return the last progress, or None where there is none (or none that can be read)."""
    try:
        return Progress(**json.loads(paths.progress.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
