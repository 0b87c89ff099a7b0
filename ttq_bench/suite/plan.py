"""What a run would do: each trial with its state, the reason, and what is left of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from ttq_bench.provenance import arithmetic, instruction_level, processor_name
from ttq_bench.records.attempts.lease import newest_number, read_lease
from ttq_bench.records.attempts.progress import read_progress, saved_epochs
from ttq_bench.records.other_versions import (
    is_current,
    spec_apart_from_version,
    state_of,
    training_version,
)
from ttq_bench.records.paths import ResultsPaths, TrialPaths
from ttq_bench.records.schema import TrialRecord
from ttq_bench.records.weights import has_weights
from ttq_bench.spec.trial import TrialSpec
from ttq_bench.suite.costs import (
    STARTUP_SECONDS,
    Rates,
    measured_rates,
    trial_core_seconds,
)

State = Literal["done", "diverged", "failed", "started", "new", "again", "rerun"]


@dataclass(frozen=True, slots=True)
class PlannedTrial:
    """A trial, its state, and the epochs that a run would still train.

    ``again`` marks a finished parent whose weights are gone while a child still needs them;
    ``rerun`` a trial that is to be trained from the start, whatever there is of it.
    """

    spec: TrialSpec
    state: State
    reason: str
    epochs_left: int
    core_seconds: float

    @property
    def is_pending(self) -> bool:
        """Whether a run would start it."""
        return self.state not in ("done", "diverged")


@dataclass(frozen=True, slots=True)
class Plan:
    """All trials of a suite, parents first, and the rates behind the estimates.

    ``rerun`` are the ids of those whose records are to be replaced, parents first.
    """

    trials: tuple[PlannedTrial, ...]
    rates: Rates
    rerun: tuple[str, ...] = ()

    @property
    def pending(self) -> list[PlannedTrial]:
        """Trials that a run would start, in order."""
        return [trial for trial in self.trials if trial.is_pending]

    def seconds(self, workers: float) -> float:
        """Return the estimated time on ``workers`` cores (GPUs): all work over all, at the best."""
        work = sum(trial.core_seconds for trial in self.pending)
        longest = max((trial.core_seconds for trial in self.pending), default=0.0)
        start = STARTUP_SECONDS * len(self.pending)
        # One trial spreads over all cores when it is alone, so the longest sets no bound of its own
        # on a CPU; on GPUs a trial has one.
        alone = 0.0 if self.rates.device == "cpu" else longest
        return max((work + start) / max(workers, 1e-9), alone)

    def as_json(self) -> list[dict[str, Any]]:
        """Return the plan as plain values for ``--json``."""
        return [
            {
                "trial_id": trial.spec.trial_id,
                "state": trial.state,
                "reason": trial.reason,
                "parent": trial.spec.parent,
                "epochs_left": trial.epochs_left,
                "core_seconds": round(trial.core_seconds, 1),
                "spec": trial.spec.resolved(),
            }
            for trial in self.trials
        ]


def make_plan(
    specs: Sequence[TrialSpec],
    results: ResultsPaths,
    device: str,
    records: Iterable[TrialRecord],
    gpu: str = "",
    *,
    rerun: tuple[str, ...] = (),
) -> Plan:
    """Return the plan for ``specs`` against what lies in ``results``; reads, never writes.

    ``records`` are all records there. ``gpu`` is the name of the one to train on. ``rerun`` are the
    ids of trials to train again.
    """
    by_id = {record.trial_id: record for record in records}
    rates = measured_rates(
        by_id.values(),
        device,
        processor=processor_name(),
        instructions=instruction_level(),
        gpu=gpu,
    )
    reasons = _reasons_to_train_anew(by_id.values())
    kept = {name: record for name, record in by_id.items() if name not in rerun}
    code = arithmetic()
    trials: list[PlannedTrial] = []
    needed: set[str] = set()  # parents with a child that is still to be trained
    for spec in reversed(specs):  # children first: they say whether a parent's weights are needed
        trial = _recorded(spec, results, kept, needs_weights=spec.trial_id in needed)
        if spec.trial_id in rerun:
            trial = _to_rerun(spec, results, rates)
        trial = trial or _to_train(spec, results, kept, rates, code)
        if trial.state == "new" and not trial.reason:
            trial = replace(trial, reason=reasons.get(spec_apart_from_version(spec.resolved()), ""))
        if trial.is_pending and spec.parent is not None:
            needed.add(spec.parent)
        trials.append(trial)
    return Plan(tuple(reversed(trials)), rates, rerun)


def _recorded(
    spec: TrialSpec,
    results: ResultsPaths,
    records: Mapping[str, TrialRecord],
    *,
    needs_weights: bool,
) -> PlannedTrial | None:
    """Return the trial if its record is all that is wanted of it, else None."""
    record = records.get(spec.trial_id)
    if record is None:
        return None
    if record.outcome == "diverged":
        return PlannedTrial(spec, "diverged", "", 0, 0.0)
    if needs_weights and not has_weights(results.trial(spec.trial_id)):
        return None
    return PlannedTrial(spec, "done", "", 0, 0.0)


def _to_rerun(spec: TrialSpec, results: ResultsPaths, rates: Rates) -> PlannedTrial:
    epochs, kept = spec.recipe.epochs, results.trial(spec.trial_id).replaced
    reason = f"is trained again; what there is of it will be kept in {kept}"
    return PlannedTrial(spec, "rerun", reason, epochs, trial_core_seconds(spec, epochs, rates))


def _to_train(
    spec: TrialSpec,
    results: ResultsPaths,
    records: Mapping[str, TrialRecord],
    rates: Rates,
    code: str,
) -> PlannedTrial:
    paths = results.trial(spec.trial_id)
    state: State = "new"
    reason, left = "", spec.recipe.epochs
    progress = read_progress(paths)
    epoch = progress.epoch if progress is not None else saved_epochs(paths) or 0
    share = progress.saved_share if progress is not None else 0.0
    if epoch or share:
        state, left = "started", max(spec.recipe.epochs - epoch, 0)
        reason = f"goes on after epoch {epoch}"
        if share:
            reason = f"goes on within epoch {epoch + 1}, after {100 * share:.0f} % of it"
        if _by_other_code(paths, code):
            left = spec.recipe.epochs
            reason = f"begins anew: the code that trains changed after epoch {epoch}"
    if paths.failure.exists():
        state, reason = "failed", f"failed before, will be tried again; see {paths.failure}"
    if spec.trial_id in records:
        state = "again"
        reason = "has a record, but its weights are not on this machine and a child needs them"
    elif spec.parent is not None and _diverged(records.get(spec.parent)):
        state, reason = "new", "its parent diverged"
    return PlannedTrial(spec, state, reason, left, trial_core_seconds(spec, left, rates))


def _reasons_to_train_anew(records: Iterable[TrialRecord]) -> dict[str, str]:
    """Return, by specs apart from their version, which record of another version there is."""
    reasons = {}
    for record in sorted((r for r in records if not is_current(r)), key=training_version):
        version = training_version(record)
        reason = f"has a {state_of(version)} record (training version {version})"
        reasons[spec_apart_from_version(record.spec)] = reason
    return reasons


def _by_other_code(paths: TrialPaths, code: str) -> bool:
    lease = read_lease(paths.attempt(newest_number(paths)))
    return lease is not None and lease.arithmetic != code


def _diverged(record: TrialRecord | None) -> bool:
    return record is not None and record.outcome == "diverged"
