"""What was run, how, and what to bear in mind when reading it."""

from collections.abc import Hashable, Iterator
from typing import Any

import pandas as pd

from ttq_bench.analysis.ledger import PUBLISHED_PROTOCOLS
from ttq_bench.analysis.tables import Tables
from ttq_bench.data.catalog import describe_dataset
from ttq_bench.records.plans import PlannedSuite
from ttq_bench.records.probes import Probe
from ttq_bench.records.schema import MOVING_AVERAGE_EPOCHS
from ttq_bench.report.contents import Contents
from ttq_bench.report.sections.markdown import percent, plain, table
from ttq_bench.report.sections.verdicts import PROXY
from ttq_bench.suite.protocols import PROTOCOLS
from ttq_bench.text import duration

FEW_SEEDS = 5


def how_it_was_run(trials: pd.DataFrame, planned: list[PlannedSuite]) -> Iterator[str]:
    """Yield suites, commits, data and hours of one experiment."""
    hours = duration(float(trials["training_seconds"].sum()))
    suites = {
        plain(plan.suite) for plan in planned if set(plan.trial_ids) & set(trials["trial_id"])
    }
    facts = [
        f"suites {', '.join(sorted(suites)) or 'not noted'}",
        f"{len(trials)} trials, {hours} of training",
        f"data {', '.join(sorted(set(trials['dataset'])))}",
        f"commits {', '.join(sorted({_short(str(commit)) for commit in trials['commit']}))}",
    ]
    yield f"**How it was run.** {'; '.join(facts)}."
    yield ""


def _short(commit: str) -> str:
    """Return ten digits of a commit, and ``+dirty`` where its code was changed."""
    digits, plus, changed = plain(commit).partition("+")
    return f"{digits[:10]}{plus}{changed}"


def what_was_run(contents: Contents) -> Iterator[str]:
    """Yield what the records hold, setting by setting, and what nobody has run here."""
    trials = contents.tables.recorded
    yield "## What was run, and what was not"
    yield ""
    rows = [
        [
            f"{model}, {dataset}, protocol {protocol}",
            str(len(group)),
            str(group["seed"].nunique()),
            ", ".join(dict.fromkeys(sorted(group["arm"]))),
            duration(float(group["training_seconds"].sum())),
        ]
        for (dataset, protocol, model), group in trials.groupby(["dataset", "protocol", "model"])
    ]
    yield from table(["setting", "trials", "seeds", "arms", "training"], rows)
    absent = [f"`{name}`" for name in PROTOCOLS if name not in set(trials["protocol"])]
    if absent:
        yield f"Not run: the protocols {', '.join(absent)}."
    empty = [row.claim.label for row in contents.ledger if row.measured is None]
    if empty:
        yield f"Without any record of ours, not even {PROXY} (names as on"
        yield "[every claim](pages/claims.md)):"
        yield f"{', '.join(empty)}."
    yield ""


def caveats(tables: Tables) -> Iterator[str]:
    """Yield what must be borne in mind: data, schedules, few seeds, diverged trials, old code."""
    trials = tables.trials
    for dataset in sorted(set(trials["dataset"])):
        yield f"{dataset}: {describe_dataset(dataset)}."
    for protocol in sorted(set(trials["protocol"]) - set(PUBLISHED_PROTOCOLS)):
        group = trials[trials["protocol"] == protocol]
        budgets = sorted(set(group.loc[group["parent"].notna(), "budget_epochs"]))
        yield f"Protocol {protocol} is not the paper's: {', '.join(budgets) or '?'} epochs."
    done = trials[trials["outcome"] == "finished"]
    counts = done.groupby(["dataset", "protocol", "model", "arm", "strategy", "recipe"]).size()
    few = counts[counts < FEW_SEEDS]
    if len(few):
        yield f"{len(few)} of {len(counts)} arms have fewer than {FEW_SEEDS} seeds."
    changed = trials["commit"].astype(str).str.endswith("+dirty")
    if changed.any():
        where = "; ".join(
            f"{'all' if group.all() else f'{counted} of the'} {len(group)} of protocol {protocol}"
            for protocol, group in changed.groupby(trials["protocol"])
            if (counted := int(group.sum()))
        )
        yield (
            f"{int(changed.sum())} of {len(trials)} trials ran on code with changes that no commit"
            f" holds ({where})."
        )
    measured_by = [_commit_of(probe) for probe in tables.probes]
    if changed_probes := sum(commit.endswith("+dirty") for commit in measured_by):
        yield (
            f"{changed_probes} of {len(measured_by)} probes (equal scales after training) ran on"
            " code with changes that no commit holds."
        )
    diverged = int((trials["outcome"] == "diverged").sum())
    if diverged:
        yield f"{diverged} trials diverged and are in no mean."


def _commit_of(probe: Probe) -> str:
    return plain(probe.provenance.get("commit", ""))


def provenance(tables: Tables) -> Iterator[str]:
    """Yield what all trials, and the probes of their networks, ran on."""
    trials = tables.recorded
    yield "## What the trials ran on"
    yield ""
    for column in ("processor", "device", "torch", "commit", "backend", "threads"):
        values = sorted({plain(value) for value in trials[column]})
        yield f"- {column}: {', '.join(values)}"
    if tables.probes:
        yield f"- commit of probes: {', '.join(sorted({*map(_commit_of, tables.probes)}))}"
    yield ""


def trial_table(trials: pd.DataFrame) -> Iterator[str]:
    """Yield a row for each trial with a link to its record."""
    trials = trials.sort_values(["dataset", "protocol", "model", "seed", "arm", "strategy"])
    yield "## All trials"
    yield ""
    rows = [
        [
            f"[{trial['trial_id']}](trials/{trial['trial_id']}/record.json)",
            percent(trial["final_error_percent"]),
            percent(trial["best_validation_error_percent"]),
            _moving_average(trial),
            duration(float(trial["training_seconds"])),
        ]
        for trial in trials.to_dict("records")
    ]
    yield "Test errors in percent: at the last epoch, at the epoch of the lowest validation error,"
    yield f"and the mean of the last {MOVING_AVERAGE_EPOCHS} epochs where there are so many."
    yield ""
    header = ["trial", "final %", "at best validation %", "mean of last 20 epochs %", "training"]
    yield from table(header, rows)


def _moving_average(trial: dict[Hashable, Any]) -> str:
    """Return the smoothed error; a mean over fewer epochs would hold the first ones too."""
    whole = trial["moving_average_epochs"] == MOVING_AVERAGE_EPOCHS
    return percent(trial["moving_average_error_percent"]) if whole else "–"
