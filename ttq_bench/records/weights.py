"""Where the final weights of a trial are: in an attempt's folder, and published.

Each attempt writes all weights, latent ones too, to its own folder, so that two of them never mix,
whatever the older one does late. That folder stays on the machine that made it; the published
network (``networks.py``) travels with the record. A record without either can be trained again.
"""

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
    found = [paths.attempt(number).weights for number in _numbers(paths)]
    whole = next((path for path in found if is_intact(path)), None)
    there = next((path for path in found if path.exists()), None)
    return whole or there or paths.attempt(1).weights


def has_weights(paths: TrialPaths) -> bool:
    """Return whether the trained network is here: published, or where it was trained."""
    return is_whole(paths.network) or is_intact(weights_path(paths))


def weights_digest(paths: TrialPaths) -> str:
    """Return the sha256 of the full weights, as they lie here or as the published network says."""
    weights = weights_path(paths)
    if is_intact(weights):
        return digest_path(weights).read_text(encoding="ascii").strip()
    return read_network(paths.network).weights_sha256


def _numbers(paths: TrialPaths) -> list[int]:
    """Return the attempt of the record first, then the others, newest first."""
    others = sorted(attempt_numbers(paths), reverse=True)
    try:
        attempts: Any = read_record(paths.record).run.get("attempts")
        named = attempts[-1]["attempt"] if attempts else None
    except (ResultsError, KeyError, TypeError, IndexError):
        named = None
    return [number for number in others if number == named] + [n for n in others if n != named]
