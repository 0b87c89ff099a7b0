"""Errors of each arm over seeds, and what quantizing costs, paired by the starting network."""

from dataclasses import dataclass

import pandas as pd

from ttq_bench.analysis.statistics import Estimate, estimate
from ttq_bench.analysis.tables import CONTINUED, FULL_PRECISION, GROUP, Tables

# Never an epoch chosen on test images; the last one needs no choice at all.
ERROR = "final_error_percent"


@dataclass(frozen=True, slots=True)
class ArmResult:
    """One arm of one table. Differences are arm minus the other, in points of test error.

    ``to_parent`` compares with the network it started from, ``to_continued`` with the same network
    trained on for the same budget without quantizing (None where that control was not run).
    """

    dataset: str
    protocol: str
    model: str
    arm: str
    strategy: str
    recipe: str
    diverged: int
    error: Estimate
    sparsity: Estimate | None
    to_parent: Estimate | None
    to_continued: Estimate | None

    @property
    def label(self) -> str:
        """Return the arm with its strategy."""
        return f"{self.arm} {self.strategy}".strip()

    @property
    def is_ternary(self) -> bool:
        """Whether the arm has ternary layers."""
        return self.arm not in (FULL_PRECISION, CONTINUED)


def compare_arms(tables: Tables) -> list[ArmResult]:
    """Return the arms of every table, full precision first."""
    if tables.trials.empty:
        return []
    groups = tables.trials.groupby(GROUP, sort=True)
    results = [_arm_result(tables.finished, group) for _, group in groups]
    order = {FULL_PRECISION: 0, CONTINUED: 1}
    return sorted(
        results, key=lambda r: (r.dataset, r.protocol, r.model, order.get(r.arm, 2), r.strategy)
    )


def _arm_result(finished: pd.DataFrame, group: pd.DataFrame) -> ArmResult:
    first = group.iloc[0]
    diverged = int((group["outcome"] == "diverged").sum())
    group = group[group["outcome"] == "finished"]
    errors = finished.set_index("trial_id")[ERROR]
    fine_tuned = pd.notna(first["parent"])
    ternary = first["arm"] not in (FULL_PRECISION, CONTINUED)
    to_parent = to_continued = None
    if fine_tuned:
        with_parent = group[group["parent"].isin(errors.index)]
        to_parent = estimate(
            list(with_parent[ERROR] - errors.loc[with_parent["parent"]].to_numpy())
        )
    if ternary:
        controls = finished[
            (finished["arm"] == CONTINUED) & (finished["budget"] == first["budget"])
        ]
        pairs = group.merge(controls, on="parent", suffixes=("", "_control"))
        if len(pairs):
            to_continued = estimate(list(pairs[ERROR] - pairs[f"{ERROR}_control"]))
    return ArmResult(
        **{name: str(first[name]) for name in GROUP},
        diverged=diverged,
        error=estimate(list(group[ERROR])),
        sparsity=estimate(list(group["sparsity"].astype(float))) if ternary else None,
        to_parent=to_parent,
        to_continued=to_continued,
    )


def comparison_table(results: list[ArmResult]) -> pd.DataFrame:
    """Return the comparison as a tidy table: mean, interval and n of each estimate."""
    rows = []
    for result in results:
        row: dict[str, object] = {name: getattr(result, name) for name in [*GROUP, "diverged"]}
        for name in ("error", "sparsity", "to_parent", "to_continued"):
            value: Estimate | None = getattr(result, name)
            for part in ("mean", "low", "high", "n"):
                row[f"{name}_{part}"] = getattr(value, part) if value else None
        rows.append(row)
    return pd.DataFrame(rows)
