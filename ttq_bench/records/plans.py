"""Noted plans, by which a report shows the trials that are missing."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import pydantic

from ttq_bench.errors import ResultsError
from ttq_bench.files import replaceable, unreadable, write_atomically
from ttq_bench.records.foreign_files import plan_files
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.schema import first_problem


@dataclass(frozen=True, slots=True)
class PlannedSuite:
    """The trials of one suite under one profile."""

    suite: str
    profile: str
    title: str
    trial_ids: tuple[str, ...]


REFUSAL = (
    "lies where the plan is to be noted and was not written by ttq-bench; give it another name"
)
_PLANNED = pydantic.TypeAdapter(PlannedSuite)


def write_planned(results: ResultsPaths, planned: PlannedSuite) -> Path:
    """Note the plan under its suite and profile, replacing an older one; return where.

    Raises ``ResultsError`` where a file of the user's own has that name.
    """
    name = f"{planned.suite}-{planned.profile}.json" if planned.profile else f"{planned.suite}.json"
    content = json.dumps(asdict(planned), indent=2) + "\n"
    path = results.root / "plans" / name
    replaceable(path, lambda _: path in plan_files(results), REFUSAL)
    write_atomically(path, content.encode())
    return path


def read_planned(results: ResultsPaths) -> list[PlannedSuite]:
    """Return the noted plans, ordered by name; ``ResultsError`` names a bad one of ours."""
    plans = []
    for path in plan_files(results):
        try:
            plans.append(_PLANNED.validate_json(path.read_bytes()))
        except OSError as error:
            raise unreadable(path, error) from error
        except pydantic.ValidationError as error:
            raise ResultsError(
                f"{path}: not a noted plan ({first_problem(error)}); delete it, the next run"
                " writes it anew"
            ) from error
    return plans
