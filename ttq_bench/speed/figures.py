"""What a measurement says: one figure with its interval, the goal, and whether it holds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ttq_bench.analysis.statistics import estimate


@dataclass(frozen=True, slots=True)
class Bound:
    """A goal: the figure is at least, or at most, ``limit``."""

    kind: Literal["at least", "at most"]
    limit: float

    def holds(self, value: float) -> bool:
        """Return whether the value meets it."""
        return value >= self.limit if self.kind == "at least" else value <= self.limit

    def __str__(self) -> str:
        return f"{self.kind} {self.limit:g}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured quantity of a goal such as ``P1``; without a bound it is only stated.

    ``unit`` is ``x`` for ratios, which can be compared between machines, ``%``, ``s``, ``h``,
    ``GFLOP/s`` or ``GB/s``.
    """

    goal: str
    quantity: str
    value: float
    unit: str
    low: float | None = None
    high: float | None = None
    n: int = 1
    bound: Bound | None = None

    @property
    def verdict(self) -> str:
        """Return whether the goal holds: by the whole interval, or ``unclear`` within it."""
        if self.bound is None:
            return "stated"
        ends = [self.value] if self.low is None or self.high is None else [self.low, self.high]
        held = [self.bound.holds(end) for end in ends]
        return "holds" if all(held) else "unclear" if any(held) else "does not hold"


def ratio_figure(goal: str, quantity: str, ratios: Sequence[float], bound: Bound) -> Figure:
    """Return the geometric mean of ratios with its 95 % interval, by Student's t over logarithms.

    Each ratio is of two times of one round.
    """
    logarithm = estimate([math.log(ratio) for ratio in ratios])
    mean, low, high = map(math.exp, (logarithm.mean, logarithm.low, logarithm.high))
    return Figure(goal, quantity, mean, "x", low, high, logarithm.n, bound)
