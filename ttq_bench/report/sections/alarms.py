"""What went wrong: counted by kind for the first screen, and trial by trial."""

from collections.abc import Iterator

from ttq_bench.analysis.tables import Tables
from ttq_bench.records.consistency import NOT_POSITIVE
from ttq_bench.records.other_versions import left_out_sentences, origin, state_of
from ttq_bench.records.plans import PlannedSuite
from ttq_bench.report.contents import Contents
from ttq_bench.report.sections.markdown import plain, table
from ttq_bench.ternary.methods import METHODS

AS_PRINTED = (
    " All of these trials follow Eq. 7 as printed: they show what its sign does, and are no fault"
    " of the runs."
)


def alarm_lines(contents: Contents) -> Iterator[str]:
    """Yield a paragraph on the alarms of trials, and one on the records that are in no number."""
    unfinished = [f"{count} {name}" for name, count in not_finished(contents).items() if count]
    counts = [*_by_kind(contents.tables), *unfinished]
    if counts:
        where = "[trials that need a look](pages/trials.md#trials-that-need-a-look)"
        expected = "" if unfinished or not _only_as_printed(contents.tables) else AS_PRINTED
        yield f"**Alarm.** {'; '.join(counts)}: see {where}.{expected}"
        yield ""
    yield from left_out_lines(contents.tables)


def left_out_lines(tables: Tables) -> Iterator[str]:
    """Yield a paragraph on the records of other training versions, nothing without any."""
    if sentences := " ".join(left_out_sentences(tables.left_out)):
        yield f"**Left out.** {sentences}"
        yield ""


def _by_kind(tables: Tables) -> Iterator[str]:
    """Yield for each kind of alarm how many trials have it, and of which arms."""
    trials = tables.recorded
    for kind in dict.fromkeys(kind for kinds in trials["alarm_kinds"] for kind in kinds):
        alarmed = trials[[kind in kinds for kinds in trials["alarm_kinds"]]]
        arms = ", ".join(sorted({f"{row.model} {row.arm}" for row in alarmed.itertuples()}))
        yield f"{len(alarmed)} of {len(trials)} trials {_verb(kind)} ({plain(arms)})"


def _only_as_printed(tables: Tables) -> bool:
    """Whether each trial with an alarm follows Eq. 7 as printed and lost a positive scale."""
    alarmed = tables.recorded[tables.recorded["alarm_kinds"].map(bool)]
    methods = [METHODS.get(arm) for arm in alarmed["arm"]]
    printed = all(method and method.scale_gradient == "as_printed" for method in methods)
    return printed and all(NOT_POSITIVE in kinds for kinds in alarmed["alarm_kinds"])


def _verb(kind: str) -> str:
    return kind if kind.startswith("ended ") else f"had the alarm *{plain(kind)}*"


def not_finished(contents: Contents) -> dict[str, int]:
    """Return how many trials diverged, failed and are missing; some trial has a record."""
    return {
        "diverged": int((contents.tables.recorded["outcome"] == "diverged").sum()),
        "failed": len(contents.tables.failures),
        "missing": len(_missing(contents.tables, contents.planned)),
    }


def _missing(tables: Tables, planned: list[PlannedSuite]) -> list[str]:
    """Return the planned trials that left neither a record nor a failure."""
    there = tables.trial_ids() | {failure["trial_id"] for failure in tables.failures}
    there = there.union(*tables.left_out.values())
    # Profiles of one suite share trials: each is missing once.
    expected = dict.fromkeys(name for plan in planned for name in plan.trial_ids)
    return [name for name in expected if name not in there]


def problems(tables: Tables, planned: list[PlannedSuite]) -> Iterator[str]:
    """Yield a row for each trial that diverged, failed, is missing, or has an alarm."""
    rows = [
        (
            str(trial["trial_id"]),
            "; alarm: ".join(filter(None, (trial["outcome"], trial["alarms"]))),
        )
        for trial in tables.recorded.to_dict("records")
        if trial["outcome"] == "diverged" or trial["alarms"]
    ]
    rows += [
        (str(trial["trial_id"]), f"stands apart: its parent {trial['parent']} has no record here")
        for trial in tables.recorded.to_dict("records")
        if trial["budget_epochs"].startswith("?")
    ]
    rows += [(str(f["trial_id"]), f"failed: {f['reason']}") for f in tables.failures]
    rows += [
        (name, f"{state_of(version)}: {origin(version)}")
        for version, names in tables.left_out.items()
        for name in names
    ]
    rows += [(name, "missing: planned, not run yet") for name in _missing(tables, planned)]
    if rows:
        yield "## Trials that need a look"
        yield ""
        yield from table(["trial", "what"], [tuple(map(plain, row)) for row in rows])
