"""The verdicts of each setting in a table, and how those go together that look contradictory."""

from collections import Counter
from collections.abc import Callable, Mapping

from ttq_bench.analysis.asymmetry import NetworkAsymmetry
from ttq_bench.analysis.ledger import LedgerRow
from ttq_bench.analysis.margins import CLOSE, MARGIN, ONE_SCALE
from ttq_bench.report.contents import Contents
from ttq_bench.report.sections.markdown import table, with_interval
from ttq_bench.report.sections.settings import Rows, Settings, settings_of, usual
from ttq_bench.report.sections.verdicts import DECIDED, NOT_AFTER, PROXY, brief, counted

READAPTS = " Whether it readapts when it is trained on is not in these records."


def by_setting(contents: Contents) -> list[str]:
    """Return how findings that look contradictory go together, and the verdicts of each setting."""
    settings = settings_of(contents.evidence)
    sentences = [*_both(settings, contents.asymmetries), _stands(contents.ledger)]
    return [*(line for text in sentences for line in (text, "")), *_table(settings)]


def _both(settings: Settings, networks: list[NetworkAsymmetry]) -> list[str]:
    """Return how different scales and no gain go together, in the best setting that tells both."""
    for where, rows in settings.items():
        ours = usual(networks, where)
        one, tuned = rows.get("B1 no value"), rows.get("Q1")
        if ours is None or one is None or one.value is None or tuned is None:
            continue
        signs, value = ours.fed.signs, one.value
        if tuned.says != "supported" or signs.shared <= signs.by_chance:
            continue
        within = max(value.high, -value.low)
        return [
            f"**How both can be** ({where}): nothing ties the two scales together, and training"
            " moves them apart, in the same direction in most layers (all"
            f" {ours.fed.mean.n} seeds agree in {signs.shared} of {signs.layers}, by chance in"
            f" {signs.by_chance:.1f}); a network"
            f" trained with one scale is as good within {within:.2f} points; equal scales forced"
            f" afterwards hurt ({with_interval(tuned.value, signed=True)} points"
            f"{'' if tuned.holds else f'; {NOT_AFTER}'}{'; exploratory' * tuned.exploratory})."
            f"{'' if 'Q1 healing' in rows else READAPTS}"
        ]
    return []


def _stands(ledger: list[LedgerRow]) -> str:
    paper = [row for row in ledger if row.claim.source.startswith(("[P]", "[M]"))]
    sizes = [row for row in paper if row.is_counted and row.exact]
    trained = [row for row in paper if not (row.is_counted and row.exact)]
    exact = Counter(brief(row) if row.exact else "not run" for row in trained)
    shown = [row for row in trained if not row.exact and row.network]
    late = sum(row.exploratory and row.says in DECIDED for row in shown)
    critique = [row for row in ledger if row.claim.source == "[B]"]
    measured = Counter(brief(row) for row in critique if row.network)
    return (
        f"**What stands of the paper?** Of {len(paper)} parts of its claims"
        f" {counted(Counter(map(brief, sizes)))} by counting bytes; on its own data and schedule"
        f" {counted(exact)}; on {PROXY} (other data, or a shorter schedule)"
        f" {counted(Counter(map(brief, shown)))}"
        f"{f' ({late} of the decided ones exploratory)' * bool(late)}."
        f" Of the critique's {len(critique)} parts {counted(measured)} on {PROXY}."
    )


Cell = Callable[[Rows], str]


def _cell(label: str, supported: str, contradicted: str, digits: int = 2) -> Cell:
    def cell(rows: Rows) -> str:
        row = rows.get(label)
        if row is None:
            return "–"
        signed = row.claim.unit != "|ρ|"
        words = {"supported": supported, "contradicted": contradicted}.get(row.says, "undecided")
        alone = ", alone" if brief(row).endswith(", alone") else ""
        late = ", exploratory" * row.exploratory
        return f"{with_interval(row.value, signed=signed, digits=digits)}: *{words}{alone}*{late}"

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
