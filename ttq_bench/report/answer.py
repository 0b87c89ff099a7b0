"""The question, and its answer in three sentences made from the verdicts."""

from collections import Counter

from ttq_bench.analysis.asymmetry import MARGIN, NetworkAsymmetry
from ttq_bench.analysis.claims import CLOSE, MATTERS
from ttq_bench.analysis.gains import TTQ
from ttq_bench.analysis.judges import Verdict
from ttq_bench.analysis.ledger import LedgerRow
from ttq_bench.analysis.measured import Network, delta_strategy
from ttq_bench.report.contents import Contents
from ttq_bench.report.markdown import with_interval

QUESTION = (
    "**Do the learned scales W_p and W_n of Trained Ternary Quantization really become different,"
    " and does it matter?**"
)
APART: dict[Verdict, str] = {
    "supported": f"training makes them differ by more than {MARGIN:.0%}",
    "contradicted": f"training makes them differ by less than {MARGIN:.0%}",
    "undecided": f"that training makes them differ by {MARGIN:.0%} is neither shown nor excluded",
}
NEAR: dict[Verdict, str] = {
    "supported": f", that it stays below {CLOSE:.0%} is shown",
    "contradicted": f", and by more than {CLOSE:.0%}",
    "undecided": "",
}
EFFECT: dict[Verdict, str] = {
    "supported": "makes the error larger",
    "contradicted": "makes the error smaller",
    "undecided": "has an effect that is not told from zero",
}


def answer(contents: Contents) -> list[str]:
    """Return the question and three sentences; fewer where nothing was measured."""
    by_label = {row.claim.label: row for row in contents.ledger}
    sentences = [
        *_diverge(by_label["A1 different"], by_label["B1 close"], contents.asymmetries),
        *_matter(by_label["A1 capacity"], by_label["B1 no value"], by_label["Q1"]),
        _stands(contents.ledger),
    ]
    return [QUESTION, "", *[f"{i}. {text}" for i, text in enumerate(sentences, start=1)], ""]


def _diverge(different: LedgerRow, close: LedgerRow, networks: list[NetworkAsymmetry]) -> list[str]:
    if different.value is None or different.network is None:
        return []
    where = different.network
    same = [
        found
        for found in networks
        if Network(found.arm.dataset, found.arm.protocol, found.arm.model) == where
    ]
    ours = next((found for found in same if found.arm.arm == TTQ[0] and _is_usual(found)), None)
    printed = next((n for n in same if n.arm.arm == "ttq-as-printed" and _is_usual(n)), None)
    control = f"; with the sign that Eq. 7 prints it is {printed.size.mean:.4f}" if printed else ""
    near = NEAR[close.stand_in]
    layers = ours.layers if ours else ()
    systematic = sum(layer.systematic for layer in layers)
    return [
        f"**{_sentence(APART[different.stand_in])}{near}:** the mean |ρ| = |ln(W_p/W_n)| over"
        f" layers grows by {with_interval(different.value, digits=3)} (n = {different.value.n},"
        f" {_standing(different)}); ρ of one layer differs from zero over seeds in {systematic} of"
        f" {len(layers)} layers (t tests, Holm){control}."
    ]


def _matter(capacity: LedgerRow, no_value: LedgerRow, symmetrised: LedgerRow) -> list[str]:
    parts = []
    if capacity.value is not None:
        points = f"{with_interval(capacity.value, signed=True)} points, n = {capacity.value.n}"
        same = f"changes the error by less than {MATTERS:g} points"
        effect = same if no_value.stand_in == "supported" else EFFECT[capacity.stand_in]
        parts.append(
            f"training one scale instead of two {effect} ({points}, {_standing(capacity)})"
        )
    if symmetrised.value is not None:
        points = (
            f"{with_interval(symmetrised.value, signed=True)} points, n = {symmetrised.value.n}"
        )
        parts.append(
            f"making both scales equal after training {EFFECT[symmetrised.stand_in]}"
            f" ({points}, {_standing(symmetrised)})"
        )
    return [f"**Does it matter?** {_sentence('; '.join(parts))}."] if parts else []


def _stands(ledger: list[LedgerRow]) -> str:
    paper = [row for row in ledger if row.claim.source.startswith(("[P]", "[M]"))]
    counted = Counter(row.verdict for row in paper if row.is_counted)
    trained = [row for row in paper if not row.is_counted]
    exact = Counter(row.verdict for row in trained)
    stand_ins = Counter(row.stand_in for row in trained if not row.exact and row.network)
    critique = Counter(row.stand_in for row in ledger if row.claim.source == "[B]" and row.network)
    return (
        f"**What stands of the paper?** Of {len(paper)} parts of its claims {_counted(counted)} by"
        f" counting bytes; on its own data and schedule {_counted(exact)}; on stand-ins (other"
        f" data, or a shorter schedule) {_counted(stand_ins)}. Of the critique's 2 parts"
        f" {_counted(critique)} on stand-ins."
    )


def _is_usual(network: NetworkAsymmetry) -> bool:
    return delta_strategy(network.arm.strategy) == TTQ[1]


def _counted(counts: "Counter[Verdict]") -> str:
    order: tuple[Verdict, ...] = ("supported", "contradicted", "undecided", "not run")
    return ", ".join(f"{counts[name]} {name}" for name in order if counts[name]) or "none"


def _standing(row: LedgerRow) -> str:
    assert row.network is not None, "what was measured has a network"
    return str(row.network) if row.exact else f"stand-in: {row.network}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
