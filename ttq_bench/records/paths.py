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

    @property
    def networks(self) -> Path:
        """Folder of the trained networks, one file a trial; merges by copying."""
        return self.root / "networks"

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
    def network(self) -> Path:
        """The trained network, published."""
        return self.results.networks / f"{self.trial_id}.safetensors"

    @property
    def replaced(self) -> Path:
        """Folder of what there was of it before it was trained again, numbered from 1."""
        return self.results.root / "replaced" / self.trial_id

    @property
    def work(self) -> Path:
        """Attempts and weights: what can be made again at the price of time."""
        return self.results.root / "work" / self.trial_id

    @property
    def attempts(self) -> Path:
        """Folder of the numbered attempts."""
        return self.work / "attempts"

    def attempt(self, number: int) -> "AttemptPaths":
        """Return the paths of one attempt, counted from 1."""
        return AttemptPaths(self, number)


@dataclass(frozen=True, slots=True)
class AttemptPaths:
    """Files of one attempt: nobody but the process that holds its lease writes to its folder."""

    trial: TrialPaths
    number: int

    @property
    def lease(self) -> Path:
        """Who works on it; appears once, by link, and never changes."""
        return self.trial.attempts / f"{self.number:06d}.lease.json"

    @property
    def end(self) -> Path:
        """How it ended, where it could not say so in a record."""
        return self.trial.attempts / f"{self.number:06d}.end.json"

    @property
    def folder(self) -> Path:
        """Folder of its own files."""
        return self.trial.attempts / f"{self.number:06d}"

    @property
    def weights(self) -> Path:
        """Final weights, for fine-tuning and export; ``records/weights.py`` says whose count."""
        return self.folder / "weights.pt"

    @property
    def checkpoints(self) -> Path:
        """Folder of its checkpoints."""
        return self.folder / "checkpoints"

    @property
    def progress(self) -> Path:
        """Where it is, rewritten every second: its sign of life."""
        return self.folder / "progress.json"
