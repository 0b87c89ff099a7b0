"""The answer verdict by verdict: how many settings have each, and a table by setting."""

from collections import Counter
from collections.abc import Callable, Mapping

from ttq_bench.analysis.asymmetry import NetworkAsymmetry
from ttq_bench.analysis.gains import TTQ
from ttq_bench.analysis.ledger import LedgerRow
from ttq_bench.analysis.margins import CLOSE, MARGIN, ONE_SCALE
from ttq_bench.analysis.measured import Network
from ttq_bench.analysis.tables import Tables
from ttq_bench.report.contents import Contents
from ttq_bench.report.sections.direction import directions, turning_shares
from ttq_bench.report.sections.markdown import table, with_interval
from ttq_bench.report.sections.settings import Rows, Settings, rows_on, settings_of, share
from ttq_bench.report.sections.verdicts import NOT_AFTER, PROXY, brief

OTHERS = " What another change of the same size would cost was not measured."
READAPTS = " Whether it readapts when it is trained on is not in these records."
ORDER = (
    "supported", "supported, alone", "contradicted", "contradicted, alone", "undecided", "not run",
)  # fmt: skip


def answer(contents: Contents) -> list[str]:
    """Return sentences on the verdicts, and the table of the settings that they count."""
    settings = settings_of(contents.evidence)
    measured = {row.claim.label for row in contents.evidence}
    sentences = [
        *_differ(settings, contents.tables),
        *_matter(settings, measured),
        *_both(settings, contents.asymmetries, measured),
        _stands(contents.ledger),
    ]
    numbered = [f"{i}. {text}" for i, text in enumerate(sentences, start=1)]
    return [*numbered, "", *_table(settings)]


def _differ(settings: Settings, tables: Tables) -> list[str]:
    different, close = rows_on(settings, "A1 different"), rows_on(settings, "B1 close")
    direction = rows_on(settings, "A1 direction")
    if not different:
        return []
    log = direction[0].log if direction else None
    authors = f"; in the authors' log it is W_n: {log.words}" if log else ""
    turns = "".join(
        f" It turns with the share of zeros ({where}): W_p is larger up to {shares[0]:.0f} % of"
        f" zeros, W_n from {shares[1]:.0f} % on."
        for where in settings
        if (shares := turning_shares(directions(tables, where)))
    )
    return [
        f"**Do they become different?** Training makes them differ by more than {MARGIN:.0%},"
        f" noise taken off, {share(different, 'supported')}; less is shown"
        f" {share(different, 'contradicted')}. They stay within {CLOSE:.0%} of each other, noise"
        f" included, {share(close, 'supported')}; more is shown {share(close, 'contradicted')}.",
        f"**Which is larger?** On average W_p {share(direction, 'contradicted')}, W_n"
        f" {share(direction, 'supported')}{authors}.{turns}",
    ]


def _matter(settings: Settings, measured: set[str]) -> list[str]:
    capacity, as_good = rows_on(settings, "A1 capacity"), rows_on(settings, "B1 no value")
    tuned = rows_on(settings, "Q1")
    parts = []
    if as_good:
        parts.append(
            f"A network trained with one scale is shown to be as good, within {ONE_SCALE:g} points"
            f" of test error, {share(as_good, 'supported')}, and to be worse"
            f" {share(capacity, 'supported')}."
        )
    if tuned:
        parts.append(
            "That a trained network is tuned to its scales is shown"
            f" {share(tuned, 'supported')}: equal scales, forced on it, cost accuracy."
            f"{'' if 'Q1 excess' in measured else OTHERS}"
        )
    return [f"**Does it matter?** {' '.join(parts)}"] if parts else []


def _both(settings: Settings, networks: list[NetworkAsymmetry], measured: set[str]) -> list[str]:
    """Return how different scales and no gain go together, in the best setting that tells both."""
    for where, rows in settings.items():
        ours = next((n for n in networks if _is_ttq(n, where)), None)
        one, tuned = rows.get("B1 no value"), rows.get("Q1")
        if ours is None or one is None or one.value is None or tuned is None:
            continue
        signs, value = ours.fed.signs, one.value
        if tuned.says != "supported" or signs.shared <= signs.by_chance:
            continue
        within = max(value.high, -value.low)
        return [
            f"**How both can be** ({where}): nothing ties the two scales together, and training"
            f" moves them apart, in the same direction in most layers (all {value.n} seeds agree in"
            f" {signs.shared} of {signs.layers}, by chance in {signs.by_chance:.1f}); a network"
            f" trained with one scale is as good within {within:.2f} points; equal scales forced"
            f" afterwards hurt ({with_interval(tuned.value, signed=True)} points"
            f"{'' if tuned.holds else f'; {NOT_AFTER}'})."
            f"{'' if 'Q1 healing' in measured else READAPTS}"
        ]
    return []


def _is_ttq(network: NetworkAsymmetry, where: Network) -> bool:
    arm = network.arm
    usual = arm.arm == TTQ[0] and arm.delta_strategy == TTQ[1]
    return usual and Network(arm.dataset, arm.protocol, arm.model) == where


def _stands(ledger: list[LedgerRow]) -> str:
    paper = [row for row in ledger if row.claim.source.startswith(("[P]", "[M]"))]
    sizes = [row for row in paper if row.is_counted and row.exact]
    trained = [row for row in paper if not (row.is_counted and row.exact)]
    exact = Counter(brief(row) if row.exact else "not run" for row in trained)
    proxies = Counter(brief(row) for row in trained if not row.exact and row.network)
    critique = [row for row in ledger if row.claim.source == "[B]"]
    measured = Counter(brief(row) for row in critique if row.network)
    return (
        f"**What stands of the paper?** Of {len(paper)} parts of its claims"
        f" {counted(Counter(map(brief, sizes)))} by counting bytes; on its own data and schedule"
        f" {counted(exact)}; on {PROXY} (other data, or a shorter schedule) {counted(proxies)}."
        f" Of the critique's {len(critique)} parts {counted(measured)} on {PROXY}."
    )


def counted(counts: "Counter[str]") -> str:
    """Return ``1 supported, 2 undecided``, what is decided first."""
    return ", ".join(f"{counts[name]} {name}" for name in ORDER if counts[name]) or "none"


Cell = Callable[[Rows], str]


def _cell(label: str, supported: str, contradicted: str, digits: int = 2) -> Cell:
    def cell(rows: Rows) -> str:
        row = rows.get(label)
        if row is None:
            return "–"
        signed = row.claim.unit != "|ρ|"
        words = {"supported": supported, "contradicted": contradicted}.get(row.says, "undecided")
        alone = ", alone" if brief(row).endswith(", alone") else ""
        return f"{with_interval(row.value, signed=signed, digits=digits)}: *{words}{alone}*"

    return cell


COLUMNS: Mapping[str, Cell] = {
    "systematic size of ρ": _cell("A1 different", f"above {MARGIN:g}", f"below {MARGIN:g}", 3),
    "mean ρ": _cell("A1 direction", "W_n larger", "W_p larger", 3),
    "mean |ρ|": _cell("B1 close", f"below {CLOSE:g}", f"above {CLOSE:g}", 3),
    "one scale minus two, points": _cell("B1 no value", "as good", f"{ONE_SCALE:g} or more apart"),
    "equal scales after training, points": _cell("Q1", "costs accuracy", "gains accuracy"),
    "slope of ρ on ln(n₊/n₋)": _cell("Q2", "undoes counts in part", "goes with counts"),
}


def _table(settings: Settings) -> list[str]:
    rows = []
    for where, found in settings.items():
        n = max((row.value.n for row in found.values() if row.value), default=0)
        rows.append([f"{where} (n = {n})", *(cell(found) for cell in COLUMNS.values())])
    return table(["setting", *COLUMNS], rows) if rows else []
