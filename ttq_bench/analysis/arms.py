"""An arm: a method with its delta strategy in one setting, with one recipe."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from ttq_bench.analysis.accuracy_rows import DELTA
from ttq_bench.spec.trial import CONTINUED, FULL_PRECISION
from ttq_bench.ternary.methods import METHODS
from ttq_bench.ternary.strategies import DeltaStrategy


@dataclass(frozen=True, slots=True)
class Arm:
    """All seeds of a method with its strategy in one setting, with one recipe: a row of a table.

    ``epochs`` is the budget in words; ``diverged`` counts the seeds that have no result. ``delta``
    and ``conversion`` are the two parts of what ``strategy`` says in words.
    """

    dataset: str
    protocol: str
    model: str
    arm: str
    strategy: str
    recipe: str
    epochs: str
    diverged: int
    delta: DeltaStrategy | None = None
    conversion: str = ""

    @property
    def delta_strategy(self) -> str:
        """Return the delta strategy in words, without the conversion; empty where there is none."""
        return str(self.delta or "")

    @property
    def is_quantized(self) -> bool:
        """Whether the arm has quantized layers."""
        return self.arm not in (FULL_PRECISION, CONTINUED)

    @property
    def scales(self) -> str:
        """Return how the scales are chosen; an unknown method is taken to learn a pair."""
        method = METHODS.get(self.arm)
        return method.scales if method else "learned_pair"

    @property
    def learns_pair(self) -> bool:
        """Whether the arm learns two scales a layer, which could become different."""
        return self.is_quantized and self.scales == "learned_pair"


GROUP = ["dataset", "protocol", "model", "arm", "strategy", "recipe"]
ARM_COLUMNS = (*GROUP, "epochs", "diverged")  # in a CSV file


def arm_of_rows(rows: pd.DataFrame) -> Arm:
    """Return the arm of rows of the table of trials, which agree in all of ``GROUP``."""
    first = rows.iloc[0]
    return Arm(
        **{key: str(first[key]) for key in GROUP},
        epochs=str(first["budget_epochs"]),
        diverged=int((rows["outcome"] == "diverged").sum()),
        delta=_delta_of(first) if first["delta_strategy"] else None,
        conversion=str(first["conversion"]),
    )


def _delta_of(row: "pd.Series[Any]") -> DeltaStrategy:
    values: dict[str, Any] = {name: row[column] for column, name in DELTA.items()}
    return DeltaStrategy(
        **values | {"start": None if pd.isna(values["start"]) else values["start"]}
    )
