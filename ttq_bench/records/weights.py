"""Where the final weights of a trial are: in an attempt's folder, and published.

Each attempt writes all weights, latent ones too, to its own folder, so that an older attempt cannot
change those of a newer one, however late it writes. That folder stays on the machine that made it;
the published network (``networks.py``) travels with the record. A trial without either can be
trained again.
"""

import itertools
from pathlib import Path
from typing import Any

from ttq_bench.errors import ResultsError
from ttq_bench.files import digest_path, is_intact
from ttq_bench.records.attempts.lease import attempt_numbers
from ttq_bench.records.networks import is_whole, read_network
from ttq_bench.records.paths import TrialPaths
from ttq_bench.records.store import read_record


def weights_path(paths: TrialPaths) -> Path:
    """Return where the final weights are that belong to the record, or where they should be."""
    candidates = [paths.attempt(number).weights for number in _attempts_of_record(paths)]
    intact = (path for path in candidates if is_intact(path))
    damaged = (path for path in candidates if path.exists())
    return next(itertools.chain(intact, damaged), paths.attempt(1).weights)


def has_weights(paths: TrialPaths) -> bool:
    """Return whether the trained network is here: published, or where it was trained."""
    return is_whole(paths.network) or is_intact(weights_path(paths))


def weights_digest(paths: TrialPaths) -> str:
    """Return the sha256 of the full weights, as they lie here or as the published network says."""
    weights = weights_path(paths)
    if is_intact(weights):
        return digest_path(weights).read_text(encoding="ascii").strip()
    return read_network(paths.network).weights_sha256


def _attempts_of_record(paths: TrialPaths) -> list[int]:
    """Return the number of the attempt that made the record, then the others, newest first."""
    try:
        attempts: Any = read_record(paths.record).run["attempts"]
        recorded = attempts[-1]["attempt"]
    except (ResultsError, KeyError, TypeError, IndexError):
        recorded = None
    newest_first = reversed(attempt_numbers(paths))
    return sorted(newest_first, key=lambda number: number != recorded)
