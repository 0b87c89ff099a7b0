"""Records that were made under another training version than the code's.

Trials of two versions may give other numbers, so they do not belong into one table. Records of
another version are left out of everything that is computed, and listed. Older ones are *stale*.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ttq_bench.records.schema import TrialRecord
from ttq_bench.spec.training_version import TRAINING_VERSION

# Ids of the records of other versions, by version.
LeftOut = Mapping[int, Sequence[str]]


def training_version(record: TrialRecord) -> int:
    """Return the version that a record was made under, 0 for one that does not say."""
    version = record.spec.get("training_version")
    return version if isinstance(version, int) else 0


def is_current(record: TrialRecord) -> bool:
    """Return whether the record was made under the code's version."""
    return training_version(record) == TRAINING_VERSION


def split_by_version(records: Iterable[TrialRecord]) -> tuple[list[TrialRecord], LeftOut]:
    """Return the records of the code's version, and the ids of the others, oldest version first."""
    current: list[TrialRecord] = []
    others: dict[int, list[str]] = {}
    for record in records:
        if is_current(record):
            current.append(record)
        else:
            others.setdefault(training_version(record), []).append(record.trial_id)
    return current, dict(sorted(others.items()))


def count_left_out(left_out: LeftOut, state: str) -> int:
    """Return how many records are in ``state``: ``stale`` or ``newer``."""
    return sum(len(ids) for version, ids in left_out.items() if state_of(version) == state)


def state_of(version: int) -> str:
    """Return what a record of another version is called."""
    return "stale" if version < TRAINING_VERSION else "newer"


def origin(version: int) -> str:
    """Return under which version something was made, and which one the code has."""
    return f"made under training version {version}, the code has {TRAINING_VERSION}"


def left_out_sentences(left_out: LeftOut) -> Iterator[str]:
    """Yield for each other version how many records are left out, and what to do."""
    for version, ids in left_out.items():
        number = f"{len(ids)} record is" if len(ids) == 1 else f"{len(ids)} records are"
        remedy = (
            "run their suites again, or report them with the ttq_bench that made them"
            if state_of(version) == "stale"
            else "update ttq_bench to report them"
        )
        yield (
            f"{number} {state_of(version)}: {origin(version)}; nothing here is computed from what"
            f" is {state_of(version)}; {remedy}."
        )


def spec_apart_from_version(spec: Mapping[str, Any]) -> str:
    """Return a text that is the same for specs that differ in the training version alone.

    A parent's id depends on the version, too, so the text only says whether there is a parent.
    """
    rest = {name: value for name, value in spec.items() if name != "training_version"}
    return json.dumps(rest | {"parent": rest.get("parent") is not None}, sort_keys=True)
