"""Numbered attempts at a trial, each with a lease, so that of two writers the older one stops.

Whoever takes up a trial claims the next number by linking its lease into place: the file system
lets one process have it. From then on every older attempt is superseded: it finds the newer lease
before it writes a checkpoint, weights or a record, and ends. No clock decides anything here.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeVar

import pydantic

from ttq_bench.files import publish_once
from ttq_bench.records.paths import AttemptPaths, TrialPaths

LEASE = re.compile(r"(\d{6})\.lease\.json")
Form = TypeVar("Form")
Create = Callable[[Path, bytes], bool]
MOST_CLAIMS = 1000  # rivals in one moment; more means that the folder does not keep files


@dataclass(frozen=True, slots=True)
class Lease:
    """Who holds an attempt: process on host (and Ray's node), with which code, since when.

    ``token`` tells two leases apart that say the same: process 1 of two containers of one name.
    """

    host: str
    process: int
    node: str
    arithmetic: str
    claimed: str
    token: str = field(default_factory=lambda: secrets.token_hex(8), compare=False)


@dataclass(frozen=True, slots=True)
class End:
    """How an attempt ended that left no record: the class of its failure, and in words."""

    cause: str
    message: str


_LEASE, _END = pydantic.TypeAdapter(Lease), pydantic.TypeAdapter(End)


def claim(paths: TrialPaths, lease: Lease, create: Create = publish_once) -> AttemptPaths:
    """Return a new attempt, the newest of all: every other one is superseded from now on.

    ``create`` makes a file that is not there yet, for one caller of several.
    """
    for _ in range(MOST_CLAIMS):
        attempt = paths.attempt(newest_number(paths) + 1)
        if create(attempt.lease, _sealed(lease)):
            return attempt
    raise OSError(f"{paths.attempts}: no attempt can be claimed there")


def newest_number(paths: TrialPaths) -> int:
    """Return the number of the newest attempt, 0 without any. A damaged lease counts, too."""
    return max(attempt_numbers(paths), default=0)


def attempt_numbers(paths: TrialPaths) -> list[int]:
    """Return the numbers of all attempts, oldest first."""
    try:
        names = [path.name for path in paths.attempts.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(int(match[1]) for name in names if (match := LEASE.fullmatch(name)))


def why_over(attempt: AttemptPaths) -> str:
    """Return why an attempt may write nothing more, empty as long as it may."""
    if reason := why_superseded(attempt):
        return reason
    return "" if read_lease(attempt) else f"{attempt.lease}: the lease is missing or damaged"


def why_superseded(attempt: AttemptPaths) -> str:
    """Return which newer attempt has taken over, empty if none has."""
    newest = newest_number(attempt.trial)
    if newest > attempt.number:
        return f"attempt {newest} has taken over from attempt {attempt.number}"
    return ""


def read_lease(attempt: AttemptPaths) -> Lease | None:
    """Return the lease of an attempt; None where it is missing or damaged."""
    return _unsealed(attempt.lease, _LEASE)


def note_end(attempt: AttemptPaths, end: End, create: Create = publish_once) -> None:
    """Note how an attempt ended; the first note stands."""
    create(attempt.end, _sealed(end))


def earlier_ends(attempt: AttemptPaths) -> dict[str, str]:
    """Return how each attempt before this one ended, by its number."""
    ends = {}
    for number in attempt_numbers(attempt.trial):
        if number < attempt.number:
            ends[str(number)] = _end_of(attempt.trial.attempt(number))
    return ends


def _end_of(attempt: AttemptPaths) -> str:
    if read_lease(attempt) is None:
        return "its lease is damaged"
    end = _unsealed(attempt.end, _END)
    return f"{end.cause}: {end.message}" if end else "unknown: its driver ended, too"


def _sealed(value: Lease | End) -> bytes:
    content = json.dumps(asdict(value), sort_keys=True)
    digest = hashlib.sha256(content.encode()).hexdigest()
    return f"{digest}\n{content}\n".encode()


def _unsealed(path: Path, form: pydantic.TypeAdapter[Form]) -> Form | None:
    """Return what ``_sealed`` wrote; None where it is missing, damaged or of another form."""
    try:
        digest, content, rest = path.read_bytes().decode().split("\n", 2)
        if rest or hashlib.sha256(content.encode()).hexdigest() != digest:
            return None
        return form.validate_json(content, strict=True)
    except (OSError, ValueError):
        return None
