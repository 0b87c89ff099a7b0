"""The claims ledger: for each claim the best evidence, and the verdict that it allows.

Evidence is *exact* where data, protocol and model are those of the claim. All other evidence is
*proxy evidence*: it is shown with its own verdict, and the verdict on the claim stays ``not run``,
because a short schedule on re-encoded images cannot contradict a table of the paper.
"""

import math
from dataclasses import dataclass, replace

from ttq_bench.analysis.authors_log import Logged
from ttq_bench.analysis.claims import CLAIMS, Claim
from ttq_bench.analysis.judges import FEWEST_JUDGED, Verdict, within
from ttq_bench.analysis.margins import is_exploratory
from ttq_bench.analysis.measured import Measured, Network, networks
from ttq_bench.analysis.power import seeds_needed, seeds_to_fit
from ttq_bench.analysis.statistics import LEVEL, Estimate, holm_adjusted, p_of
from ttq_bench.analysis.tables import Tables

# How the paper trained: as it says, or as its code does. Better evidence stands first.
PUBLISHED_PROTOCOLS = ("paper", "released", "alexnet")
PROTOCOL_RANKS = (*PUBLISHED_PROTOCOLS, "modern", "short")


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """A claim with the evidence of one setting; ``network`` is None where nothing was measured.

    ``says`` is the verdict of the evidence; ``verdict``, on the claim, is the same where the
    evidence is ``exact``, and ``not run`` otherwise. ``noise`` is the deviation between seeds; a
    row without evidence has that of the best evidence of the same kind. ``adjusted_p`` is Holm's,
    over all rows of the same table, NaN for a row that is not judged. ``exploratory``:
    something that it depends on was fixed after its runs, see ``margins.MARGINS``.
    """

    claim: Claim
    network: Network | None
    measured: Measured | None
    exact: bool
    noise: float = math.nan
    adjusted_p: float = math.nan
    exploratory: bool = False

    @property
    def value(self) -> Estimate | None:
        """Return the estimate in the claim's unit."""
        return self.measured.estimate if self.measured else None

    @property
    def is_counted(self) -> bool:
        """Whether the value is exact, without seeds and without an interval."""
        return self.measured is not None and self.measured.counted

    @property
    def is_waiting(self) -> bool:
        """Whether this is proxy evidence that lacks what the claim needs."""
        if self.measured is None or self.exact:
            return False
        return bool(self.claim.needs) and self.claim.needs not in self.measured.meets

    @property
    def lacks(self) -> str:
        """Return why the claim is undecided whatever its interval says; empty if it is not.

        Either proxy evidence lacks what the claim needs, or another reading of the same records,
        which is as reasonable, gives another verdict.
        """
        if self.measured is None or self.is_counted:
            return ""
        if self.is_waiting:
            return f"until {self.claim.needs}"
        own = within(self.value, *self.claim.bound)
        for name, other in self.measured.readings if own in ("supported", "contradicted") else ():
            verdict = within(other, *self.claim.bound)
            if verdict != own:
                return f"the interval alone says {own}, with {name} {verdict}"
        return ""

    @property
    def says(self) -> Verdict:
        """Return the verdict of this evidence, exact or not."""
        if self.measured and self.is_counted:
            low, high = self.claim.bound
            return "supported" if low <= self.measured.values[0] <= high else "contradicted"
        return "undecided" if self.lacks else within(self.value, *self.claim.bound)

    @property
    def verdict(self) -> Verdict:
        """Return the verdict on the claim."""
        return self.says if self.exact else "not run"

    @property
    def p(self) -> float | None:
        """Return the two-sided p against the nearest end of the bound; None if nothing is judged.

        Below 5 % exactly where the verdict is not undecided. The largest p of all readings; 1 where
        their verdicts differ.
        """
        measured = self.measured
        if measured is None or measured.counted or measured.estimate.n < FEWEST_JUDGED:
            return None
        if self.is_waiting:
            return None
        if self.lacks:
            return 1.0
        values = (measured.estimate, *(other for _, other in measured.readings))
        return max(p_of(value, _nearest_end(value, self.claim.bound)) for value in values)

    @property
    def holds(self) -> bool:
        """Whether the verdict holds for all claims of its table together (Holm, 5 %)."""
        return self.is_counted or self.adjusted_p <= LEVEL

    @property
    def log(self) -> Logged | None:
        """Return the figure of the authors' logs that the claim names, None without one."""
        return self.claim.log() if self.claim.log else None

    @property
    def seeds(self) -> int | None:
        """Return how many seeds would settle what is in question, with 80 % power.

        Of a claim between two bounds: those whose interval fits between them, if the truth is in
        their middle. Else those that find the printed difference, where the claim itself was not
        run, or the claim's margin. It is never the difference seen: a true difference of zero would
        need infinitely many.
        """
        if math.isfinite(reach := self.claim.reach):
            return seeds_to_fit(self.noise, reach)
        if not self.exact and self.claim.printed_value is not None:
            return seeds_needed(self.noise, abs(self.claim.printed_value))
        return None if self.value is None else seeds_needed(self.noise, self.claim.margin)


def _nearest_end(value: Estimate, bound: tuple[float, float]) -> float:
    return min(bound, key=lambda end: abs(value.mean - end))


def ledger(evidence: list[LedgerRow]) -> list[LedgerRow]:
    """Return one row for each claim, in the order of ``CLAIMS``, with its best evidence."""
    return [
        next((row for row in evidence if row.claim is claim), _nothing(claim, evidence))
        for claim in CLAIMS.values()
    ]


def all_evidence(tables: Tables) -> list[LedgerRow]:
    """Return a row for each claim and setting that has records on it, the best evidence first.

    The p values are adjusted within two families, the two tables of the report: the best evidence
    on each claim, and all other evidence.
    """
    rows = []
    for claim in CLAIMS.values():
        of_claim = [row for network in networks(tables) if (row := _row(claim, tables, network))]
        rows += sorted(of_claim, key=_rank)
    best = {row.claim.label: row for row in reversed(rows)}
    first = [row for row in rows if best[row.claim.label] is row]
    others = [row for row in rows if best[row.claim.label] is not row]
    adjusted = {id(row): p for family in (first, others) for row, p in _adjusted(family)}
    return [replace(row, adjusted_p=adjusted.get(id(row), math.nan)) for row in rows]


def _adjusted(family: list[LedgerRow]) -> list[tuple[LedgerRow, float]]:
    """Return the judged rows of a family, each with its p adjusted for all of them (Holm)."""
    judged = [(row, p) for row in family if (p := row.p) is not None]
    adjusted = holm_adjusted([p for _, p in judged])
    return [(row, p) for (row, _), p in zip(judged, adjusted, strict=True)]


def _row(claim: Claim, tables: Tables, network: Network) -> LedgerRow | None:
    if claim.only_these_models and network.model not in claim.models:
        return None
    measured = claim.measure(tables, network)
    if measured is None:
        return None
    started = tables.trials.loc[tables.trials["trial_id"].isin(measured.trials), "started"]
    return LedgerRow(
        claim, network, measured, _is_exact(claim, network), measured.estimate.deviation,
        exploratory=not measured.counted
        and is_exploratory(claim.label, network.protocol, started),
    )  # fmt: skip


def _nothing(claim: Claim, evidence: list[LedgerRow]) -> LedgerRow:
    """Return the row of a claim without evidence, with the noise of the same measure and data."""
    noises = (
        row.noise
        for row in evidence
        if (row.claim.measure, row.claim.datasets) == (claim.measure, claim.datasets)
    )
    return LedgerRow(claim, None, None, exact=False, noise=next(noises, math.nan))


def _is_exact(claim: Claim, network: Network) -> bool:
    if claim.models and network.model not in claim.models:
        return False
    if not claim.datasets:
        return True
    return network.dataset in claim.datasets and network.protocol in PUBLISHED_PROTOCOLS


def _rank(row: LedgerRow) -> tuple[bool, bool, bool, bool, int, Network]:
    """Return the key that sorts better evidence first.

    Exact, of enough seeds to be judged, of the claim's data, model, schedule.
    """
    assert row.network is not None, "nothing is ranked without evidence"
    is_few = not row.is_counted and row.value is not None and row.value.n < FEWEST_JUDGED
    known = row.network.dataset.split("-")[0] in (row.claim.datasets or ("cifar10",))
    other_model = bool(row.claim.models) and row.network.model not in row.claim.models
    protocol = row.network.protocol
    rank = PROTOCOL_RANKS.index(protocol) if protocol in PROTOCOL_RANKS else len(PROTOCOL_RANKS)
    return not row.exact, is_few, not known, other_model, rank, row.network
