"""Test error over the epochs."""

from functools import partial

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ttq_bench.analysis.arms import Arm
from ttq_bench.analysis.tables import Tables
from ttq_bench.report.contents import Contents
from ttq_bench.report.figures.shown_arms import ONE_STRENGTH, looks_of, one_strength
from ttq_bench.report.figures.style import LEGEND_COLUMNS, Look, ReportFigure, legend_inches
from ttq_bench.report.naming import arm_label, network_file, table_name

MOST_MARKED = 60  # epochs; longer curves are drawn without marks
MOST_BANDS = 6  # arms; the bands of more hide each other

CAPTION = (
    "Test error after each epoch, mean (line) and range (band) over seeds. Fine-tuned networks"
    " start where their full-precision parents end. No epoch was chosen by these curves."
    f"{ONE_STRENGTH}"
)


def error_curves(contents: Contents) -> list[ReportFigure]:
    """Return one figure for each network: test error of every arm, fine-tuning after its parent."""
    return [
        ReportFigure(
            network_file("error-curves", arms[0]),
            f"Test error over the epochs: {table_name(arms[0])}",
            CAPTION,
            partial(_draw_curves, contents.tables, arms),
        )
        for arms in contents.tables.networks()
        if any(len(contents.tables.trials_of(arm)) for arm in arms)
    ]


def _draw_curves(tables: Tables, arms: list[Arm]) -> Figure:
    looks = looks_of(arms)
    curves = [(arm, _curve(tables, arm), looks[arm]) for arm in one_strength(arms)]
    curves = [curve for curve in curves if len(curve[1])]
    panels = 2 if any("+" in arm.epochs for arm, _, _ in curves) else 1
    height = 4.2 + legend_inches(len(curves))
    figure, axes = plt.subplots(1, panels, figsize=(4.9 * panels + 0.4, height), squeeze=False)
    for arm, curve, style in curves:
        for axis in axes[0] if "+" in arm.epochs else axes[0][:1]:
            band = 0.18 if len(curves) <= MOST_BANDS else 0.05
            _draw_curve(axis, curve, style, arm_label(arm.arm, arm.strategy), band)
    for axis in axes[0]:
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.set_xlabel("epochs in all")
    axes[0][0].set_ylim(bottom=0)
    axes[0][0].set_ylabel("test error (%)")
    handles = axes[0][0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=LEGEND_COLUMNS)
    if panels > 1:
        axes[0][1].set_title("fine-tuning alone, enlarged", fontsize=10)
        axes[0][1].set_ylabel("test error (%), not from zero")
    figure.suptitle(f"{table_name(arms[0])}: mean and range over seeds", fontsize=11)
    return figure


def _curve(tables: Tables, arm: Arm) -> pd.DataFrame:
    """Return mean, minimum and maximum over seeds of the test error, by epochs trained in all."""
    trials = tables.trials_of(arm)
    rows = tables.epochs[tables.epochs["trial_id"].isin(trials["trial_id"])]
    parents = tables.trials.set_index("trial_id")["epochs"]
    before = trials.set_index("trial_id")["parent"].map(parents).astype(float).fillna(0)
    total = rows["epoch"] + rows["trial_id"].map(before).astype(float)
    return rows.groupby(total)["test_error_percent"].agg(["mean", "min", "max"])


def _draw_curve(axis: Axes, curve: pd.DataFrame, style: Look, label: str, band: float) -> None:
    low, high = curve["min"], curve["max"]
    axis.fill_between(curve.index, low, high, color=style.colour, alpha=band, lw=0)
    axis.plot(
        curve.index, curve["mean"], linestyle=style.dash, marker=style.marker,
        ms=4 if len(curve) < MOST_MARKED else 0, color=style.colour, label=label,
    )  # fmt: skip
