"""Where the final weights of a trial lie: in the folder of the attempt that its record names.

Each attempt writes weights to its own folder, so that two of them never mix, whatever the older one
does late. A record without its weights (they stay on the machine that made them) can be trained
again; then the newest attempt has them.
"""

from pathlib import Path
from typing import Any

from ttq_bench.errors import ResultsError
from ttq_bench.files import is_intact
from ttq_bench.records.attempts import attempt_numbers
from ttq_bench.records.paths import TrialPaths
from ttq_bench.records.store import read_record


def weights_path(paths: TrialPaths) -> Path:
    """Return where the final weights are that belong to the record, or where they should be."""
    found = [paths.attempt(number).weights for number in _numbers(paths)]
    whole = next((path for path in found if is_intact(path)), None)
    there = next((path for path in found if path.exists()), None)
    return whole or there or paths.attempt(1).weights


def _numbers(paths: TrialPaths) -> list[int]:
    """Return the attempt of the record first, then the others, newest first."""
    others = sorted(attempt_numbers(paths), reverse=True)
    try:
        attempts: Any = read_record(paths.record).run.get("attempts")
        named = attempts[-1]["attempt"] if attempts else None
    except (ResultsError, KeyError, TypeError, IndexError):
        named = None
    return [number for number in others if number == named] + [n for n in others if n != named]
