"""The verdicts on the question, setting by setting, and in how many settings one holds."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping

from ttq_bench.analysis.ledger import LedgerRow
from ttq_bench.analysis.measured import Network
from ttq_bench.report.naming import file_name
from ttq_bench.report.sections.verdicts import DECIDED, NOT_AFTER, PROXY

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
    alone = sum(not row.holds for row in found) if verdict in DECIDED else 0
    words = _of_settings(found, rows)
    return f"{words} ({alone} of these {NOT_AFTER})" if alone else words


def unasked(settings: Settings, label: str, names: Mapping[Network, str] | None = None) -> str:
    """Return in which settings nothing was measured on a claim, empty where each has a row."""
    left = [where for where, rows in settings.items() if label not in rows]
    named = ", ".join((names or {}).get(where, str(where)) for where in left)
    return f", not measured in {named}" if left else ""


def named_share(
    rows: list[LedgerRow], verdict: str, tell: Callable[[LedgerRow], str] | None = None
) -> str:
    """Return ``in 1 of 3 settings (resnet20, cifar10, protocol paper)``; without any, all names.

    ``tell`` gives other words for a row than the name of its setting.
    """
    found = [row for row in rows if row.says == verdict]
    if tell:
        names = list(map(tell, found or rows))
    else:
        names = [str(row.network) + f", this one {NOT_AFTER}" * (not row.holds) for row in found]
    return f"{_of_settings(found, rows)} ({'; '.join(names or [str(r.network) for r in rows])})"


def short_names(settings: Settings) -> Mapping[Network, str]:
    """Return the protocol of each setting, where that tells it from the others, else its name."""
    protocols = Counter(where.protocol for where in settings)
    return {
        where: f"`{where.protocol}`" if protocols[where.protocol] == 1 else str(where)
        for where in settings
    }


def evidence_words(rows: list[LedgerRow]) -> str:
    """Return whether the settings are those of the paper, in words."""
    networks = {row.network for row in rows}
    exact = {row.network for row in rows if row.exact}
    if not exact:
        return f"all of this is {PROXY}: the paper's own data and schedule were not run"
    if exact == networks:
        return "all of this is on the paper's own data and schedule"
    have = "setting has" if len(exact) == 1 else "settings have"
    return f"{len(exact)} {have} the paper's own data and schedule, the rest is {PROXY}"


def asymmetry_figure(settings: Settings, names: Collection[str]) -> tuple[Network, str] | None:
    """Return the figure, among ``names``, of the scales in the best setting that has one."""
    for where in settings:
        name = f"{file_name('asymmetry', where.dataset, where.protocol, where.model)}.png"
        if name in names:
            return where, name
    return None


def _of_settings(found: list[LedgerRow], rows: list[LedgerRow]) -> str:
    return f"in {len(found) or 'none'} of {len(rows)} setting{'s' * (len(rows) > 1)}"
