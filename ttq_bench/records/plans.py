"""What was planned, so that a report can show the trials that are missing."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import pydantic

from ttq_bench.errors import ResultsError
from ttq_bench.files import write_atomically
from ttq_bench.records.foreign_files import json_files
from ttq_bench.records.paths import ResultsPaths


@dataclass(frozen=True, slots=True)
class PlannedSuite:
    """The trials that one suite under one profile stands for."""

    suite: str
    profile: str
    title: str
    trial_ids: tuple[str, ...]


_PLANNED = pydantic.TypeAdapter(PlannedSuite)


def write_planned(results: ResultsPaths, planned: PlannedSuite) -> Path:
    """Note the plan under its suite and profile, replacing an older one; return where."""
    name = f"{planned.suite}-{planned.profile}.json" if planned.profile else f"{planned.suite}.json"
    content = json.dumps(asdict(planned), indent=2) + "\n"
    path = results.root / "plans" / name
    write_atomically(path, content.encode())
    return path


def read_planned(results: ResultsPaths) -> list[PlannedSuite]:
    """Return the noted plans, ordered by name."""
    plans = []
    for path in json_files(results.root / "plans"):
        try:
            plans.append(_PLANNED.validate_json(path.read_bytes()))
        except (OSError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise ResultsError(
                f"{path}: not a noted plan ({reason}); delete it, the next run writes it anew"
            ) from error
    return plans
