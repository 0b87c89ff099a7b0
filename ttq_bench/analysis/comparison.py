"""Errors of each arm over seeds, and what quantizing costs, paired by the starting network."""

from dataclasses import dataclass

import pandas as pd

from ttq_bench.analysis.accuracy_rows import CONTINUED, FULL_PRECISION
from ttq_bench.analysis.arms import ARM_COLUMNS, Arm
from ttq_bench.analysis.statistics import Estimate, estimate
from ttq_bench.analysis.tables import Tables

# Never an epoch chosen on test images; the last one needs no choice at all.
ERROR = "final_error_percent"
TOP5_ERROR = "final_top5_error_percent"
ESTIMATES = ("error", "sparsity", "to_parent", "to_continued", "flips")


@dataclass(frozen=True, slots=True)
class ArmResult:
    """One arm's errors. Differences are arm minus the other, in points of test error.

    ``to_parent`` compares with the very weights it started from, ``to_continued`` with these
    weights trained on for the same budget without quantizing (from scratch: trained likewise). None
    where there are no such pairs. ``top5_error`` is None where it was not measured. ``flips`` is
    the share of all quantized weights whose code changes in an epoch, a mean over epochs: how far
    a method's steps go at its learning rate. None where it was not recorded.
    """

    arm: Arm
    error: Estimate
    sparsity: Estimate | None
    to_parent: Estimate | None
    to_continued: Estimate | None
    top5_error: Estimate | None = None
    flips: Estimate | None = None


def compare_arms(tables: Tables) -> list[ArmResult]:
    """Return the results of every arm, full precision first."""
    flips = flips_an_epoch(tables)
    return [_arm_result(tables, arm, flips) for arm in tables.arms()]


def flips_an_epoch(tables: Tables) -> "pd.Series[float]":
    """Return for each trial the share of its quantized weights whose code an epoch changes.

    The mean over epochs, layers weighted by their weights; trials without a record of it have none.
    """
    if tables.scales.empty or "code_flips" not in tables.scales:
        return pd.Series(dtype=float)
    rows = tables.scales[tables.scales["code_flips"].notna()]
    names = rows["trial_id"].astype(str)
    flipped = (rows["code_flips"] * rows["weight_count"]).groupby(names).sum()
    return flipped / rows["weight_count"].groupby(names).sum()


def _arm_result(tables: Tables, arm: Arm, flips: "pd.Series[float]") -> ArmResult:
    mine = tables.trials_of(arm)
    return ArmResult(
        arm=arm,
        error=estimate(list(mine[ERROR])),
        sparsity=estimate(list(mine["sparsity"].astype(float))) if arm.is_quantized else None,
        to_parent=_paired(mine[ERROR] - _start_errors(tables, mine)),
        to_continued=_against_control(tables, mine) if arm.is_quantized else None,
        top5_error=_paired(mine[TOP5_ERROR]) if TOP5_ERROR in mine else None,
        flips=_paired(flips.reindex(mine["trial_id"].astype(str))),
    )


def _start_errors(tables: Tables, mine: pd.DataFrame) -> "pd.Series[float]":
    """Return the test error of the weights that each trial started from.

    A parent may have been trained anew, with other last bits, for a later child; so the error that
    the child itself measured comes first, and the parent's record stands in only for old records.
    """
    recorded = tables.finished.set_index("trial_id")[ERROR]
    return mine["start_error_percent"].astype(float).fillna(mine["parent"].map(recorded))


def _against_control(tables: Tables, mine: pd.DataFrame) -> Estimate | None:
    finished = tables.finished
    # Trials from scratch have full precision from scratch instead; no other has its (no) parent.
    controls = finished[finished["arm"].isin([CONTINUED, FULL_PRECISION])]
    same = ["dataset", "protocol", "model", "seed", "parent", "start_weights", "budget"]
    pairs = mine.merge(controls, on=same, suffixes=("", "_control"))
    return _paired(pairs[ERROR] - pairs[f"{ERROR}_control"])


def _paired(differences: "pd.Series[float]") -> Estimate | None:
    known = differences.dropna()
    return estimate(list(known)) if len(known) else None


def comparison_table(results: list[ArmResult]) -> pd.DataFrame:
    """Return the comparison as a tidy table: mean, interval and n of each estimate."""
    rows = []
    for result in results:
        row: dict[str, object] = {name: getattr(result.arm, name) for name in ARM_COLUMNS}
        for name in ESTIMATES:
            value: Estimate | None = getattr(result, name)
            for part in ("mean", "low", "high", "n"):
                row[f"{name}_{part}"] = getattr(value, part) if value else None
        rows.append(row)
    return pd.DataFrame(rows)
