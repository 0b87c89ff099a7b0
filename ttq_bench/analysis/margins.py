"""Everything that a verdict depends on and that we chose: margins, questions, numbers of seeds.

What is chosen after the runs were seen can be chosen to fit them. So ``MARGINS`` names the commit
and the time that fixed each, and the report counts the records that are older.
``git log -S 'MARGIN = 0.05' -- ttq_bench`` finds such a commit. To change a margin: change the
number, and add a line with today's time *before* the runs that it is to judge.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import pandas as pd

MARGIN = 0.05  # of rho, a ratio of 1.05: the narrower of two in use for equivalence
CLOSE = 0.10  # of |rho|: the wider one
MATTERS = 0.25  # points of test error: what the paper is said to gain over TWN
ONE_SCALE = 0.125  # half of MATTERS: at all of it one scale could lose the whole gain and pass
SETTLES = 0.1  # share of the first movement: both settle within it as far as a curve can show
SLOPE = 0.1  # of rho on ln(n+/n-): a tenth of what would undo the counts
MATCHED = 0.03  # of all weights, between two shares of zeros that count as equal
NEARLY_16 = 15.0


@dataclass(frozen=True, slots=True)
class Fixed:
    """A choice: ``labels`` are the claims it judges, ``since`` when it was fixed.

    It judges every setting, or those of one ``protocol`` alone.
    """

    what: str
    value: str
    labels: tuple[str, ...]
    since: datetime
    commit: str
    protocol: str = ""

    def judges(self, label: str, protocol: str) -> bool:
        """Return whether the verdict on a claim under a protocol depends on it."""
        return label in self.labels and self.protocol in ("", protocol)


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


_LEDGER = _at("2026-11-23T21:26"), "1c73881"
_JUDGED = _at("2026-11-30T00:57"), "ee99b3d"
_T1 = tuple(f"T1 ResNet-{depth}" for depth in (20, 32, 44, 56))
MARGINS = (
    Fixed("size of rho", f"{MARGIN:g}", ("A1 different",), _at("2026-11-23T14:29"), "1d6467b"),
    Fixed(
        "A1 is judged on the systematic size, was: on the raw size", "-", ("A1 different",),
        *_JUDGED,
    ),
    Fixed("the larger scale was asked for", "0", ("A1 direction",), *_JUDGED),
    Fixed("|rho| that is close", f"{CLOSE:g}", ("B1 close",), *_LEDGER),
    Fixed("distance to Table 1", f"{MATTERS:g}", _T1, *_LEDGER),
    Fixed("cost of one scale, was 0.25", f"{ONE_SCALE:g}", ("B1 no value",), *_JUDGED),
    Fixed("the cost of equal scales was asked for", "0", ("Q1",), *_LEDGER),
    Fixed(
        "equal scales were set against other changes, and healed", "0",
        ("Q1 excess", "Q1 healing"), _at("2026-11-30T01:05"), "c53bc69",
    ),
    Fixed("Q2 is judged on a slope, was: on a correlation", "0", ("Q2",), *_JUDGED),
    Fixed("movement kept, was 0", f"{SETTLES:g}", ("O1",), *_JUDGED),
    Fixed(
        "which shares of zeros are few, middle, many %", "5, 30-50, 80", ("S1 falls", "S1 rises"),
        *_LEDGER,
    ),
    Fixed(
        "equal shares of zeros, was 0.04", f"{MATCHED:g}", ("S2",), _at("2026-11-30T00:05"),
        "f13c2b6",
    ),
    Fixed(
        "nearly 16 times", f"{NEARLY_16:g}", ("Z1 layers", "Z1 network"), *_LEDGER,
    ),
    Fixed(
        "seeds of `mnist`, was 10: ten more, whose networks are kept, for Q1 excess", "20",
        ("A1 different", "A1 direction", "A1 capacity", "B1 close", "B1 no value", "Q1", "Q2"),
        _at("2026-12-01T03:25"), "dafb956", protocol="mnist",
    ),
)  # fmt: skip


def is_exploratory(label: str, protocol: str, started: Iterable[str | None]) -> bool:
    """Return whether something that a verdict depends on was fixed after one of its runs began."""
    times = list(started)
    judging = (fixed for fixed in MARGINS if fixed.judges(label, protocol))
    return any(started_before(fixed, times)[0] for fixed in judging)


def started_before(fixed: Fixed, started: Iterable[str | None]) -> tuple[int, int]:
    """Return how many trials started before and after a margin was fixed; unknown is before."""
    times = pd.to_datetime(pd.Series(list(started), dtype=object), utc=True, errors="coerce")
    after = int((times >= pd.Timestamp(fixed.since)).sum())
    return len(times) - after, after
