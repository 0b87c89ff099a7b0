"""A delta strategy as a value: which rule, with which number, when. Needs no torch.

The rules themselves are in ``thresholds.py``.
"""

from dataclasses import dataclass
from fractions import Fraction
from numbers import Real
from typing import Literal

from ttq_bench.text import shortest


@dataclass(frozen=True, slots=True)
class DeltaStrategy:
    """Rule ``name`` with ``number``, moved there from ``start`` over the first ``ramp_epochs``.

    ``start`` None: the number never moves. ``update`` says when the threshold follows the latent
    weights: at every step, or once at the beginning of each epoch (the released code's way).
    """

    name: str
    number: float
    start: float | None = None
    ramp_epochs: float = 0.0
    update: Literal["step", "epoch"] = "step"

    @property
    def moves(self) -> bool:
        """Return whether it changes with the epochs, so that it needs ``set_epoch_``."""
        return self.start is not None or self.update == "epoch"

    def number_at(self, epoch: float) -> float:
        """Return the number after ``epoch`` epochs (not whole: within one)."""
        if self.start is None or epoch >= self.ramp_epochs:
            return self.number
        return self.start + (self.number - self.start) * epoch / self.ramp_epochs

    def __str__(self) -> str:
        ramp = "" if self.start is None else f"{_shown(self.start)} to "
        during = "" if self.start is None else f" in {_shown(self.ramp_epochs)} epochs"
        update = ", by epoch" if self.update == "epoch" else ""
        return f"{self.name}({ramp}{_shown(self.number)}{during}{update})"


def _shown(value: object) -> str:
    return shortest(value) if is_number(value) else repr(value)  # type: ignore[arg-type]


def is_number(value: object) -> bool:
    """Return whether a value is a number that torch computes with: NumPy's are, true is none."""
    if not isinstance(value, Real) or isinstance(value, bool | Fraction):
        return False
    try:
        float(value)
    except OverflowError:  # 10**400
        return False
    return True
