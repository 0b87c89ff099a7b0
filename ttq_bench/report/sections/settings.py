"""The verdicts on the question, setting by setting, and in how many settings one holds."""

from collections.abc import Mapping

from ttq_bench.analysis.ledger import LedgerRow
from ttq_bench.analysis.measured import Network
from ttq_bench.report.sections.verdicts import NOT_AFTER

Rows = Mapping[str, LedgerRow]  # of one setting, by the label of the claim
Settings = Mapping[Network, Rows]
ASKED = ("A1 different", "A1 direction", "B1 close", "B1 no value", "Q1", "Q2")


def settings_of(evidence: list[LedgerRow]) -> Settings:
    """Return the rows on the question by setting, the setting with the best evidence first."""
    found: dict[Network, dict[str, LedgerRow]] = {}
    for row in evidence:
        if row.claim.label in (*ASKED, "A1 capacity") and row.network is not None:
            found.setdefault(row.network, {})[row.claim.label] = row
    return found


def rows_on(settings: Settings, label: str) -> list[LedgerRow]:
    """Return the row of each setting that has one on the claim ``label``."""
    return [rows[label] for rows in settings.values() if label in rows]


def share(rows: list[LedgerRow], verdict: str) -> str:
    """Return ``in 2 of 3 settings``, and in how many of them not after correction."""
    found = [row for row in rows if row.says == verdict]
    alone = sum(not row.holds for row in found)
    words = _of_settings(found, rows)
    return f"{words} ({alone} of these {NOT_AFTER})" if alone else words


def named_share(rows: list[LedgerRow], verdict: str) -> str:
    """Return ``in 1 of 3 settings (resnet20, cifar10, protocol paper)``; without any, all names."""
    found = [row for row in rows if row.says == verdict]
    names = [str(row.network) + f", this one {NOT_AFTER}" * (not row.holds) for row in found]
    return f"{_of_settings(found, rows)} ({'; '.join(names or [str(r.network) for r in rows])})"


def _of_settings(found: list[LedgerRow], rows: list[LedgerRow]) -> str:
    return f"in {len(found) or 'none'} of {len(rows)} setting{'s' * (len(rows) > 1)}"
