"""How a run is carried out. Nothing here may move a number, and none of it enters a trial id."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RunSettings:
    """Absolute folders, the device kind (``cpu`` or ``cuda``), and the threads of one trial."""

    results: Path
    data_dir: Path
    cache: Path
    device: str
    threads: int = 1
    backend: str = "inprocess"
