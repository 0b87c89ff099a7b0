"""The verdicts on the question, setting by setting."""

from collections import Counter
from collections.abc import Collection, Mapping

from ttq_bench.analysis.asymmetry import NetworkAsymmetry
from ttq_bench.analysis.gains import TTQ
from ttq_bench.analysis.ledger import LedgerRow
from ttq_bench.analysis.margins import NEARLY_16
from ttq_bench.analysis.measured import Network
from ttq_bench.report.naming import network_file
from ttq_bench.report.sections.verdicts import DECIDED, PROXY, brief, counted

Rows = Mapping[str, LedgerRow]  # of one setting, by the label of the claim
Settings = Mapping[Network, Rows]
ASKED = (
    "A1 different", "A1 direction", "A1 capacity", "B1 close", "B1 no value",
    "Q1", "Q1 excess", "Q1 healing", "Q2",
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


def short_names(settings: Settings) -> Mapping[Network, str]:
    """Return the protocol of each setting, where that tells it from the others, else its name."""
    protocols = Counter(where.protocol for where in settings)
    return {
        where: f"`{where.protocol}`" if protocols[where.protocol] == 1 else str(where)
        for where in settings
    }


def usual(networks: list[NetworkAsymmetry], where: Network) -> NetworkAsymmetry | None:
    """Return the scales of TTQ at the paper's threshold in a setting, None where it has none."""
    for network in networks:
        arm = network.arm
        setting = Network(arm.dataset, arm.protocol, arm.model)
        if setting == where and (arm.arm, arm.delta_strategy) == TTQ:
            return network
    return None


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


def decided_parts(ledger: list[LedgerRow]) -> str:
    """Return how many parts of the paper's claims have a verdict that is not of proxy evidence."""
    paper = [row for row in ledger if row.claim.source.startswith(("[P]", "[M]"))]
    decided = [row for row in paper if row.exact and row.says in DECIDED]
    if not decided:
        return f"All {len(paper)} parts of its claims are open"
    how = (
        ", by counting bytes, which needs no training (*nearly 16 times* is read as"
        f" {NEARLY_16:g} or more)"
        if all(row.is_counted for row in decided)
        else ""
    )
    words = counted(Counter(map(brief, decided)))
    recalled = sum(row.claim.source.startswith("[M]") for row in paper)
    return (
        f"Of the {len(paper)} parts of its claims ({recalled} of them recalled, not verified)"
        f" {words}{how}; {len(paper) - len(decided)} open"
    )


def asymmetry_figure(settings: Settings, names: Collection[str]) -> tuple[Network, str] | None:
    """Return the figure, among ``names``, of the scales in the best setting that has one."""
    for where in settings:
        name = network_file("asymmetry", where)
        if name in names:
            return where, name
    return None
