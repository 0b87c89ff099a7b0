"""Everything a page of the report is written from, computed once."""

from dataclasses import dataclass

from ttq_bench.analysis.asymmetry import NetworkAsymmetry, asymmetry
from ttq_bench.analysis.comparison import ArmResult, compare_arms
from ttq_bench.analysis.ledger import LedgerRow, all_evidence, ledger
from ttq_bench.analysis.tables import Tables, load_tables
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.plans import PlannedSuite, read_planned


@dataclass(frozen=True, slots=True)
class Contents:
    """Tables and what the analysis makes of them; ``evidence`` has every network of every claim."""

    tables: Tables
    planned: list[PlannedSuite]
    results: list[ArmResult]
    asymmetries: list[NetworkAsymmetry]
    evidence: list[LedgerRow]
    ledger: list[LedgerRow]


def read_contents(results: ResultsPaths) -> Contents:
    """Return the contents of a results folder."""
    return contents_of(results, load_tables(results))


def contents_of(results: ResultsPaths, tables: Tables) -> Contents:
    """Return the contents of a results folder whose tables were read."""
    evidence = all_evidence(tables)
    return Contents(
        tables=tables,
        planned=read_planned(results),
        results=compare_arms(tables),
        asymmetries=asymmetry(tables),
        evidence=evidence,
        ledger=ledger(evidence),
    )
