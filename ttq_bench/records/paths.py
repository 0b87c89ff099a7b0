"""Every path under a results folder."""

import re
from dataclasses import dataclass
from pathlib import Path

from ttq_bench.errors import ResultsError

SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,150}")


@dataclass(frozen=True, slots=True)
class ResultsPaths:
    """``trials/`` is data to keep; ``work/`` can be deleted at the price of time."""

    root: Path

    @property
    def trials(self) -> Path:
        """Folder of the records, one folder a trial; merge results by copying these."""
        return self.root / "trials"

    @property
    def lock(self) -> Path:
        """The file that one driver holds."""
        return self.root / "work" / "driver.lock"

    @property
    def stop_file(self) -> Path:
        """Workers end at once when this file appears."""
        return self.root / "work" / "stop"

    @property
    def summary(self) -> Path:
        """The page to read."""
        return self.root / "summary.md"

    @property
    def page(self) -> Path:
        """The same page, self-contained, for a browser."""
        return self.root / "report.html"

    @property
    def probes(self) -> Path:
        """Folder of what was measured on trained weights, one file a trial; merges by copying."""
        return self.root / "probes"

    def trial(self, trial_id: str) -> "TrialPaths":
        """Return the paths of one trial; refuses a name that could leave the folder."""
        if not SAFE_ID.fullmatch(trial_id):
            raise ResultsError(f"{self.root}: {trial_id!r} is not a trial id")
        return TrialPaths(self, trial_id)


@dataclass(frozen=True, slots=True)
class TrialPaths:
    """Files of one trial."""

    results: ResultsPaths
    trial_id: str

    @property
    def folder(self) -> Path:
        """Published record: appears whole or not at all."""
        return self.results.trials / self.trial_id

    @property
    def record(self) -> Path:
        """Spec, provenance and final numbers."""
        return self.folder / "record.json"

    @property
    def failure(self) -> Path:
        """Traceback of a failed trial, in a place of its own: a failure is never a record."""
        return self.results.root / "failures" / self.trial_id / "failure.json"

    @property
    def probe(self) -> Path:
        """What was measured on the trained weights."""
        return self.results.probes / f"{self.trial_id}.json"

    @property
    def work(self) -> Path:
        """Checkpoints and progress of an unfinished trial."""
        return self.results.root / "work" / self.trial_id

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return self.work / "checkpoints"

    @property
    def weights(self) -> Path:
        """Final weights, for fine-tuning and export."""
        return self.work / "weights.pt"

    @property
    def progress(self) -> Path:
        """Where the trial is: epoch, step, error so far."""
        return self.work / "progress.json"
