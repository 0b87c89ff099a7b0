"""A row of the ledger in words: its verdict, what it depends on, where it would turn."""

import math
from collections import Counter

from ttq_bench.analysis.judges import Verdict
from ttq_bench.analysis.ledger import LedgerRow

PROXY = "proxy evidence"
NOT_AFTER = "not after correction for the number of claims"
LATE = "its question, margin, way to judge or number of seeds was fixed after its runs"
ORDER = (
    "supported", "supported, alone", "contradicted", "contradicted, alone", "undecided", "not run",
)  # fmt: skip
DECIDED: tuple[Verdict, ...] = ("supported", "contradicted")


def verdict(row: LedgerRow) -> str:
    """Return the verdict on the claim, and beside it that of proxy evidence."""
    if row.network is None:
        return "**not run**"
    if row.exact:
        return f"**{row.verdict}**{_qualified(row)}"
    return f"**not run**; {PROXY}: *{row.says}*{_qualified(row)}"


def says(row: LedgerRow) -> str:
    """Return what the evidence says, whatever it is worth for the claim."""
    return f"*{row.says}*{_qualified(row)}"


def brief(row: LedgerRow) -> str:
    """Return what the evidence says, and whether that holds after correction, in a word or two."""
    return row.says if row.says not in DECIDED or row.holds else f"{row.says}, alone"


def at_a_glance(row: LedgerRow, emphasis: str = "") -> str:
    """Return the verdict in a few words, with marks of ``emphasis`` around the verdict itself."""
    if row.value is None:
        return f"{emphasis}not run{emphasis}"
    words, *alone = brief(row).split(", ")
    late = ["exploratory"] * row.exploratory
    told = ", ".join([f"{emphasis}{words}{emphasis}" + " by rule" * bool(row.lacks), *alone, *late])
    return told if row.exact else f"{PROXY}: {told}"


def _qualified(row: LedgerRow) -> str:
    """Return what a reader must know beside the verdict."""
    late = "; exploratory" * row.exploratory
    if row.is_waiting:
        return f" {row.lacks}{late}"
    words = [row.lacks] if row.lacks else []
    if row.says in DECIDED and not row.holds:
        words.append(f"alone: {NOT_AFTER}")
    if turn := turning_point(row):
        words.append(turn)
    return (f" ({'; '.join(words)})" if words else "") + late


def turning_point(row: LedgerRow) -> str:
    """Return for which margins the interval would support the claim; empty without a margin."""
    value, (low, high) = row.value, row.claim.bound
    if value is None or row.is_counted or math.isinf(value.half_width) or not value.deviation > 0:
        return ""
    digits = 3 if row.claim.margin < 0.2 else 2  # noqa: PLR2004
    if math.isfinite(low) and math.isfinite(high):
        centre = (low + high) / 2
        return (
            f"supported for margins above {max(value.high - centre, centre - value.low):.{digits}f}"
        )
    if math.isfinite(low) and low != 0 and value.low <= 0:
        return "supported for no margin above zero"
    if math.isfinite(low) and low != 0:
        return f"supported for margins below {value.low:.{digits}f}"
    if math.isfinite(high) and high != 0:
        return f"supported for margins above {value.high:.{digits}f}"
    return ""


def counted(counts: Counter[str]) -> str:
    """Return ``1 supported, 2 undecided``, what is decided first."""
    return ", ".join(f"{counts[name]} {name}" for name in ORDER if counts[name]) or "none"
