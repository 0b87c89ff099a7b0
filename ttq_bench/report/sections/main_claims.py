"""The eight claims that matter most, in words without symbols, one row each.

To exchange one: exchange its entry in ``MAIN_CLAIMS``. All claims stand on ``pages/claims.md``.
"""

import math
from collections.abc import Mapping

from ttq_bench.analysis.ledger import LedgerRow
from ttq_bench.analysis.margins import MARGIN, MATTERS, NEARLY_16, ONE_SCALE
from ttq_bench.analysis.sparsity_curve import PAPERS_MIDDLE
from ttq_bench.report.sections.claims_table import measured_on, n_of, ours
from ttq_bench.report.sections.markdown import table
from ttq_bench.report.sections.short_answer import ratio
from ttq_bench.report.sections.verdicts import LATE, NOT_AFTER, PROXY, at_a_glance

MAIN_CLAIMS: Mapping[str, str] = {
    "A1 different": "training makes the two scales different, by more than a factor of"
    f" {math.exp(MARGIN):.3f}",
    "A1 capacity": "one scale for both signs has a larger error than two",
    "B1 no value": f"one scale is as good as two, within {ONE_SCALE:g} points (a critique of 2019)",
    "Q1": "equal scales, forced on a trained network, raise its error (asked here)",
    "T1 ResNet-20": "the error of ResNet-20 on CIFAR-10 with full precision, minus that with"
    f" ternary weights, is that of Table 1 within {MATTERS:g} points",
    "TWN": "learned scales beat computed ones (TWN) (recalled, not verified)",
    "S1 falls": f"zeros help: the error falls from none to {PAPERS_MIDDLE} of zeros",
    "Z1 network": "the network gets nearly 16 times smaller"
    f" (at least {NEARLY_16:g} times, our reading)",
}
HEADER = ("claim", "verdict", "the paper prints", "here [95 %]", "n", "measured on")
BELOW = (
    f"Verdicts: *supported* or *contradicted* where the whole interval says so, else *undecided*;"
    f" *{PROXY}* never decides a claim; *alone*: {NOT_AFTER}; *by rule*: the runs lack what the"
    f" claim needs; *exploratory*: {LATE}."
    " Points are the error of the other arm minus that of TTQ, unless a row says otherwise."
    " Margins, records and what would decide each: [every claim](pages/claims.md)."
)


def main_claims(ledger: list[LedgerRow]) -> list[str]:
    """Return the lines of the table and of what its words mean."""
    rows = {row.claim.label: row for row in ledger}
    return [*table(HEADER, [_row(rows[label]) for label in MAIN_CLAIMS]), BELOW, ""]


def _row(row: LedgerRow) -> list[str]:
    label = row.claim.label
    return [
        MAIN_CLAIMS[label],
        at_a_glance(row, "**" if row.exact or row.value is None else "*"),
        row.claim.printed,
        ratio(row) if label == "A1 different" and row.value else ours(row),
        n_of(row),
        measured_on(row),
    ]
