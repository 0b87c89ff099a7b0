"""When each margin was fixed, and which of the runs that it judges were there before."""

from collections.abc import Iterator

from ttq_bench.analysis.ledger import LedgerRow
from ttq_bench.analysis.margins import MARGINS, Fixed, started_before
from ttq_bench.analysis.tables import Tables
from ttq_bench.report.sections.markdown import table

HEADER = ("what was fixed", "value", "claims", "when (UTC)", "commit", "runs that it judges")


def margins_section(evidence: list[LedgerRow], tables: Tables) -> Iterator[str]:
    """Yield a row for each choice: a verdict is pre-specified for runs that started after it."""
    yield "## When margins were fixed"
    yield ""
    yield "A margin, a question or a number of seeds fixed after its runs could have been chosen to"
    yield "fit them: such a verdict is exploratory. `git log -S` finds each commit; without one:"
    yield "the commit of these lines."
    yield ""
    yield from table(HEADER, [_row(fixed, evidence, tables) for fixed in MARGINS])


def _row(fixed: Fixed, evidence: list[LedgerRow], tables: Tables) -> list[str]:
    rows = [
        row
        for row in evidence
        if row.network
        and fixed.judges(row.claim.label, row.network.protocol)
        and not row.is_counted
    ]
    return [
        fixed.what,
        fixed.value,
        ", ".join(fixed.labels),
        fixed.since.strftime("%Y-%m-%d %H:%M"),
        fixed.commit or "–",
        "; ".join(dict.fromkeys(_runs(fixed, row, tables) for row in rows)) or "none",
    ]


def _runs(fixed: Fixed, row: LedgerRow, tables: Tables) -> str:
    assert row.measured is not None, "evidence was measured"
    trials = tables.trials[tables.trials["trial_id"].isin(row.measured.trials)]
    before, after = started_before(fixed, trials["started"])
    parts = [f"{before} before it"] * bool(before) + [f"{after} after it"] * bool(after)
    return f"{row.network}: {' and '.join(parts)}"
