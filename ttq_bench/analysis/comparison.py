"""Errors of each arm over seeds, and what quantizing costs, paired by the network at the start."""

from dataclasses import dataclass

import pandas as pd

from ttq_bench.analysis.arms import ARM_COLUMNS, Arm
from ttq_bench.analysis.statistics import Estimate, estimate
from ttq_bench.analysis.tables import Tables
from ttq_bench.spec.trial import CONTINUED, FULL_PRECISION

# Of the last epoch: no epoch is chosen on test images.
ERROR = "final_error_percent"
TOP5_ERROR = "final_top5_error_percent"
ESTIMATES = ("error", "sparsity", "to_parent", "to_continued", "flips")


@dataclass(frozen=True, slots=True)
class ArmResult:
    """The errors of one arm. Differences are this arm minus the other, in points of test error.

    ``to_parent`` compares with the weights at the start, ``to_continued`` with full precision that
    was trained with the same budget from the same weights, or from scratch like the arm. None where
    there are no such pairs. ``flips`` is the share of all quantized weights whose code changes in
    an epoch, a mean over epochs: how far a method's steps go at its learning rate. ``top5_error``
    and ``flips`` are None where they were not measured.
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
    """Return for each trial the share of its quantized weights whose code changes in an epoch.

    This is the mean over epochs, each layer weighted by its number of weights. Trials without a
    record of it are left out.
    """
    if tables.scales.empty or "code_flips" not in tables.scales:
        return pd.Series(dtype=float)
    rows = tables.scales[tables.scales["code_flips"].notna()]
    names = rows["trial_id"].astype(str)
    flipped = (rows["code_flips"] * rows["weight_count"]).groupby(names).sum()
    return flipped / rows["weight_count"].groupby(names).sum()


def _arm_result(tables: Tables, arm: Arm, flips: "pd.Series[float]") -> ArmResult:
    trials = tables.trials_of(arm)
    return ArmResult(
        arm=arm,
        error=estimate(list(trials[ERROR])),
        sparsity=estimate(list(trials["sparsity"].astype(float))) if arm.is_quantized else None,
        to_parent=_of_known(trials[ERROR] - _start_errors(tables, trials)),
        to_continued=_against_control(tables, trials) if arm.is_quantized else None,
        top5_error=_of_known(trials[TOP5_ERROR]) if TOP5_ERROR in trials else None,
        flips=_of_known(flips.reindex(trials["trial_id"].astype(str))),
    )


def _start_errors(tables: Tables, trials: pd.DataFrame) -> "pd.Series[float]":
    """Return the test error of the weights that each trial started from.

    This is the error that the trial itself measured, because its parent may have been trained again
    since, with other last bits. Old records lack it, and the parent's record is used.
    """
    recorded = tables.finished.set_index("trial_id")[ERROR]
    return trials["start_error_percent"].astype(float).fillna(trials["parent"].map(recorded))


def _against_control(tables: Tables, trials: pd.DataFrame) -> Estimate | None:
    finished = tables.finished
    # The parent joins a fine-tuned trial with the control, and one from scratch, which has no
    # parent, with full precision from scratch.
    controls = finished[finished["arm"].isin([CONTINUED, FULL_PRECISION])]
    same = ["dataset", "protocol", "model", "seed", "parent", "start_weights", "budget"]
    pairs = trials.merge(controls, on=same, suffixes=("", "_control"))
    return _of_known(pairs[ERROR] - pairs[f"{ERROR}_control"])


def _of_known(values: "pd.Series[float]") -> Estimate | None:
    known = values.dropna()
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
