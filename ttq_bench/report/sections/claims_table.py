"""The table of claims: what was printed, what was found, the verdict; one setting after another."""

import math
from collections.abc import Iterator

import pandas as pd

from ttq_bench.analysis.ledger import LedgerRow
from ttq_bench.analysis.tables import Tables
from ttq_bench.report.sections.markdown import table, with_interval
from ttq_bench.report.sections.next_steps import records_anchor, records_heading, what_would_decide
from ttq_bench.report.sections.verdicts import says, verdict

HEADER = (
    "measured on", "claim", "what is claimed", "printed", "authors' log", "ours [95 %]", "n", "p",
    "verdict", "what would decide it", "records",
)  # fmt: skip
SMALLEST_P = 0.001


def claims_table(rows: list[LedgerRow], tables: Tables) -> list[str]:
    """Return the lines of the table."""
    return table(HEADER, [_row(row, tables) for row in grouped_by_setting(rows)])


def grouped_by_setting(rows: list[LedgerRow]) -> list[LedgerRow]:
    """Return the rows with those of one setting together, in the order of their first ones.

    What was not measured stands last.
    """
    settings = list(dict.fromkeys(row.network for row in rows if row.network))
    return sorted(rows, key=lambda row: settings.index(row.network) if row.network else 99)


def _row(row: LedgerRow, tables: Tables) -> list[str]:
    claim, count = row.claim, len(row.measured.trials) if row.measured else 0
    return [
        measured_on(row),
        claim.label,
        f"{claim.statement} {claim.source}",
        claim.printed,
        row.log.words if row.log else "–",
        ours(row),
        n_of(row),
        adjusted(row),
        verdict(row),
        what_would_decide(row, tables),
        f"[{count}](pages/trials.md#{records_anchor(row)})" if count else "–",
    ]


def ours(row: LedgerRow) -> str:
    """Return the estimate with its interval and unit, or that nothing was measured."""
    if row.value is None:
        return "–"
    unit = row.claim.unit
    digits = 3 if unit in ("|ρ|", "ρ") else 2
    if row.is_counted:
        return f"{row.value.mean:.{digits}f} {unit} (counted)"
    signed = unit not in ("|ρ|", "times")
    note = f" ({row.measured.note})" if row.measured and row.measured.note else ""
    return f"{with_interval(row.value, signed=signed, digits=digits)} {unit}{note}"


def n_of(row: LedgerRow) -> str:
    """Return the number of seeds; a counted value has none."""
    return str(row.value.n) if row.value and not row.is_counted else "–"


def adjusted(row: LedgerRow) -> str:
    """Return the p of the row, adjusted for all judged rows of its table."""
    if math.isnan(row.adjusted_p):
        return "–"
    return "<0.001" if row.adjusted_p < SMALLEST_P else f"{row.adjusted_p:.3f}"


def measured_on(row: LedgerRow) -> str:
    """Return model, data and protocol of the evidence."""
    return str(row.network or "–")


def other_evidence(evidence: list[LedgerRow], shown: list[LedgerRow]) -> Iterator[str]:
    """Yield the same claims in the settings that the first table does not show."""
    others = [row for row in evidence if row not in shown]
    if others:
        yield "## The same questions in other settings"
        yield ""
        header = ("measured on", "claim", "ours [95 %]", "n", "p", "it says")
        yield from table(
            header,
            [
                [
                    measured_on(row),
                    row.claim.label,
                    ours(row),
                    n_of(row),
                    adjusted(row),
                    says(row),
                ]
                for row in grouped_by_setting(others)
            ],
        )


def records_behind(rows: list[LedgerRow]) -> Iterator[str]:
    """Yield for each claim the links to its records."""
    yield "## Records behind each claim"
    yield ""
    for row in rows:
        if row.measured:
            yield f"### {records_heading(row)}"
            yield ""
            yield ", ".join(f"[{name}](trials/{name}/record.json)" for name in row.measured.trials)
            yield ""


def evidence_table(evidence: list[LedgerRow], shown: list[LedgerRow]) -> pd.DataFrame:
    """Return every claim with every network that answers it; ``best`` marks the summary's rows."""
    rows = []
    for row in [*evidence, *(row for row in shown if row.measured is None)]:
        value, network, log = row.value, row.network, row.log
        rows.append(
            {
                "claim": row.claim.label,
                "statement": row.claim.statement,
                "source": row.claim.source,
                "unit": row.claim.unit,
                "printed": row.claim.printed_value,
                "authors_log": log.value if log else None,
                "supported_from": row.claim.bound[0],
                "supported_to": row.claim.bound[1],
                "dataset": network.dataset if network else None,
                "protocol": network.protocol if network else None,
                "model": network.model if network else None,
                "mean": value.mean if value else None,
                "low": value.low if value else None,
                "high": value.high if value else None,
                "n": value.n if value else 0,
                "exact": row.exact,
                "best": row in shown,
                "verdict": row.verdict,
                "evidence_says": row.says,
                "undecided_by_rule": row.lacks,
                "exploratory": row.exploratory,
                "p": row.p,
                "adjusted_p": row.adjusted_p,
                "margin": row.claim.margin,
                "seeds_needed": row.seeds,
                "trials": " ".join(row.measured.trials) if row.measured else "",
            }
        )
    return pd.DataFrame(rows)
