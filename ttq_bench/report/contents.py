"""Everything a page of the report is written from; each part is computed once, when asked for."""

from dataclasses import dataclass
from functools import cached_property

from ttq_bench.analysis.asymmetry import NetworkAsymmetry, asymmetry
from ttq_bench.analysis.comparison import ArmResult, compare_arms
from ttq_bench.analysis.ledger import LedgerRow, all_evidence, ledger
from ttq_bench.analysis.tables import Tables, load_tables
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.plans import PlannedSuite, read_planned


@dataclass(frozen=True)
class Contents:
    """The tables of a results folder, its plans, and what the analysis makes of them."""

    tables: Tables
    planned: list[PlannedSuite]

    @cached_property
    def results(self) -> list[ArmResult]:
        """The errors of every arm."""
        return compare_arms(self.tables)

    @cached_property
    def asymmetries(self) -> list[NetworkAsymmetry]:
        """How far the scales are apart in every arm that learns two scales a layer."""
        return asymmetry(self.tables)

    @cached_property
    def evidence(self) -> list[LedgerRow]:
        """A row for every claim and every network that answers it."""
        return all_evidence(self.tables)

    @cached_property
    def ledger(self) -> list[LedgerRow]:
        """A row for every claim, with its best evidence."""
        return ledger(self.evidence)


def read_contents(results: ResultsPaths) -> Contents:
    """Return the contents of a results folder."""
    return Contents(load_tables(results), read_planned(results))
