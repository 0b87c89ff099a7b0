"""How a run ended: in lines, as JSON, and as an exit code."""

import shlex
import signal
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from ttq_bench.commands.status import alarm_rows
from ttq_bench.errors import BusyError, TrialsFailedError
from ttq_bench.execution.driver import Stop
from ttq_bench.execution.scheduler import Tally
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.remote.store import Folder
from ttq_bench.records.store import read_records, record_files
from ttq_bench.text import counted, json_text

EXIT_STOPPED = 4


def alarms_of(results: ResultsPaths, planned: Collection[str]) -> list[dict[str, Any]]:
    """Return the alarms of planned trials that have a record, those made before included."""
    return alarm_rows(r for r in read_records(results) if r.trial_id in planned)


def alarm_lines(alarms: list[dict[str, Any]]) -> list[str]:
    """Return the alarms, a line each trial."""
    return [f"alarm: {row['trial_id']}: {'; '.join(row['alarms'])}" for row in alarms]


@dataclass(frozen=True, slots=True)
class RunEnd:
    """What became of the pending trials; ``summary`` is empty where no report was drawn."""

    tally: Tally
    stop: Stop
    folder: Folder
    summary: str
    reran: bool

    @property
    def without(self) -> str:
        """Return what to leave out to go on: ``--rerun`` would move what is good by now, too."""
        return " without --rerun" * self.reran

    def lines(self) -> Iterator[str]:
        """Yield where the summary is, or why the run stopped and how it goes on."""
        if self.summary:
            yield f"summary: {self.summary}"
        if not self.tally.left or self.stop.is_replaced:
            return
        if record_files(self.folder.results):
            place = shlex.quote(self.folder.place)
            yield f"`ttq-bench report --results {place}` draws what is there so far"
        why = "time limit" if self.stop.out_of_time() else "by the stop file"
        if self.stop.signal_number is not None:
            why = signal.Signals(self.stop.signal_number).name
        yield (
            f"stopped ({why}); not finished: {counted(len(self.tally.left), 'trial')}; run"
            f" the same command{self.without or ' again'} to go on at the last checkpoint"
        )

    def as_json(self, alarms: list[dict[str, Any]]) -> str:
        """Return what became of each pending trial, by id."""
        failed = {n: why for n, why in self.tally.failed.items() if n not in self.tally.not_run}
        return json_text(
            {
                "results": self.folder.place,
                "finished": sorted(self.tally.finished),
                "diverged": sorted(self.tally.diverged),
                "failed": failed,
                "parent_diverged": sorted(self.tally.not_run),
                "not_finished": sorted(self.tally.left),
                "alarms": alarms,
                "summary": self.summary or None,
            }
        )

    def exit_code(self) -> int:
        """Return 0, or the code of a run that stopped; raises for failed trials, and a new run."""
        if self.tally.left:
            if self.stop.signal_number is not None:
                return 128 + self.stop.signal_number
            if self.stop.is_replaced:
                raise BusyError(
                    f"{self.folder.results.root}: another run has taken over there; this one ended"
                )
            return EXIT_STOPPED
        if self.tally.failed:
            said = _what_failed(self.tally, self.folder.results, self.without)
            raise TrialsFailedError(f"{self.folder.place}: {said}")
        return 0


def _what_failed(tally: Tally, results: ResultsPaths, without: str) -> str:
    """Return how many trials failed, where that is told, and how many had no parent to start from.

    ``failures/`` is named where it is: the reason could not be written to a full disk.
    """
    said = []
    if failed := len(tally.failed) - len(tally.not_run):
        folder = results.root / "failures"
        see = f" (see {folder}/)" if folder.is_dir() else ""
        said.append(
            f"{counted(failed, 'trial')} failed{see}; running the same command{without} tries again"
        )
    if tally.not_run:
        count = counted(len(tally.not_run), "trial")
        said.append(
            f"{count} not run: their parent diverged, which is a result; a smaller learning rate"
            " in the suite makes another parent"
        )
    return "; ".join(said)
