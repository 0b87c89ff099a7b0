"""The verdicts on the question, setting by setting."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping

from ttq_bench.analysis.judges import Verdict
from ttq_bench.analysis.ledger import LedgerRow
from ttq_bench.analysis.measured import Network
from ttq_bench.report.naming import network_file
from ttq_bench.report.sections.verdicts import PROXY

Rows = Mapping[str, LedgerRow]  # of one setting, by the label of the claim
Settings = Mapping[Network, Rows]
Words = Mapping[Verdict, str]
YES_OR_NO: Words = {"supported": "*yes*", "contradicted": "*no*", "undecided": "*undecided*"}
ASKED = (
    "A1 different", "A1 direction", "A1 capacity", "B1 close", "B1 no value",
    "Q1", "Q1 excess", "Q2",
)  # fmt: skip


def settings_of(evidence: list[LedgerRow]) -> Settings:
    """Return the rows on the question by setting, the setting with the best evidence first."""
    settings: dict[Network, dict[str, LedgerRow]] = {}
    for row in evidence:
        if row.claim.label in ASKED and row.network is not None:
            settings.setdefault(row.network, {})[row.claim.label] = row
    return settings


def rows_on(settings: Settings, label: str) -> list[LedgerRow]:
    """Return the row of each setting that has one on the claim ``label``."""
    return [rows[label] for rows in settings.values() if label in rows]


def answers(
    settings: Settings, label: str, tell: Callable[[LedgerRow], str], words: Words = YES_OR_NO
) -> str:
    """Return a claim's verdict in each setting: ``*yes* in A (1.1), B (1.2); not measured in C``.

    ``tell`` gives the number of a row; ``words`` those for each verdict, in the order of the text.
    """
    names, parts = short_names(settings), []
    for verdict, word in words.items():
        rows = [row for row in rows_on(settings, label) if row.says == verdict]
        if named := [f"{names[row.network]} ({tell(row)})" for row in rows if row.network]:
            parts.append(f"{word} in {', '.join(named)}")
    left = [name for where, name in names.items() if _not_measured(settings[where].get(label))]
    return "; ".join([*parts, f"not measured in {', '.join(left)}"] if left else parts)


def _not_measured(row: LedgerRow | None) -> bool:
    return row is None or row.says == "not run"


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
        return f"all that was trained is {PROXY}: the paper's own data and schedule were not run"
    if exact == networks:
        return "all that was trained is on the paper's own data and schedule"
    have = "setting has" if len(exact) == 1 else "settings have"
    return f"{len(exact)} {have} the paper's own data and schedule, the rest is {PROXY}"


def asymmetry_figure(settings: Settings, names: Collection[str]) -> tuple[Network, str] | None:
    """Return the figure, among ``names``, of the scales in the best setting that has one."""
    for where in settings:
        name = network_file("asymmetry", where)
        if name in names:
            return where, name
    return None
