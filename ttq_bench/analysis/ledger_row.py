"""One row of the claims ledger: what is claimed, what was printed, what was found, and the verdict."""

from dataclasses import dataclass

from ttq_bench.analysis.statistics import Estimate


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """A claim, or a part of one, with everything the summary's first table says of it.

    ``value`` and both reference figures are in ``unit``. ``exact`` tells whether ``evidence`` (data
    and protocol) is what the claim was made on; where it is not, ``verdict`` is ``not run`` and
    ``stand_in`` says what the stand-in shows. ``bound`` is the span that the judge compares with.
    ``decide`` says what would settle it; ``trials`` are the records behind ``value``.
    """

    claim: str
    part: str
    statement: str
    source: str
    unit: str
    printed: str
    printed_value: float | None
    log: str
    log_value: float | None
    value: Estimate | None
    evidence: str
    exact: bool
    bound: tuple[float, float]
    verdict: str
    stand_in: str
    decide: str
    trials: tuple[str, ...]

    @property
    def label(self) -> str:
        """Return the id with its part: ``T1 ResNet-20``."""
        return f"{self.claim} {self.part}".strip()
