"""What each run checked about itself, as a section of the summary."""

import math
from collections.abc import Iterator

import pandas as pd

from ttq_bench.analysis.arms import Arm
from ttq_bench.analysis.tables import Tables
from ttq_bench.report.naming import arm_label
from ttq_bench.report.sections.markdown import table

INTRODUCTION = """\
## Self-checks

Where a layer feeds batch normalisation, the true gradients of its scales obey
W_p g_p + W_n g_n = 0. *Residue*: |W_p g_p + W_n g_n| over |W_p g_p| + |W_n g_n|, summed over the
steps of an epoch, the largest of all epochs, layers and seeds; rounding leaves a little, a wrong
gradient about 1. *Size* (W_p² + W_n² under SGD, W_p + W_n under Adam) is moved by weight decay and
by the length of the steps alone: *by decay*, the factor over the whole run that decay alone would
give; *seen*, the factor by layers and seeds; *seen over predicted*, that factor over what decay and
steps together explain, which should be 1 (not predicted for Nesterov's momentum).
Trials with alarms (a scale that is not positive, a dead or saturated layer, a residue above 0.1, a
size that is not explained, a loss that is not finite) are listed under
[trials that need a look](pages/trials.md#trials-that-need-a-look).
"""


def self_checks(tables: Tables) -> Iterator[str]:
    """Yield the section, nothing where no trial with learned scales made its checks."""
    rows = [row for arm in tables.arms() if (row := _row(arm, tables.trials_of(arm)))]
    if rows:
        yield INTRODUCTION
        yield from table(
            ["arm", "n", "layers", "residue", "size", "by decay", "seen", "seen over predicted"],
            rows,
        )


def _row(arm: Arm, trials: pd.DataFrame) -> list[str] | None:
    checked = trials[trials["gauge_size"].notna()] if len(trials) else trials
    if checked.empty:
        return None
    return [
        f"{arm.dataset}: {arm.model}, {arm_label(arm.arm, arm.strategy)}, {arm.epochs} epochs",
        str(len(checked)),
        f"{checked['gauge_layers'].max():.0f}",
        f"{checked['gauge_residue'].max():.2g}",
        str(checked["gauge_size"].iloc[0]),
        _range(checked["gauge_predicted"].min(), checked["gauge_predicted"].max()),
        f"{checked['gauge_low'].min():.3f} to {checked['gauge_high'].max():.3f}",
        _range(checked["gauge_ratio_low"].min(), checked["gauge_ratio_high"].max()),
    ]


def _range(low: float, high: float) -> str:
    if math.isnan(low):
        return "–"
    return f"{low:.3f}" if low == high else f"{low:.3f} to {high:.3f}"
