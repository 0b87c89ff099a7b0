"""Test error over the epochs, and test error against sparsity."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from ttq_bench.analysis.comparison import ERROR
from ttq_bench.analysis.tables import FULL_PRECISION, Tables
from ttq_bench.report.naming import arm_label, file_name
from ttq_bench.report.style import COLOURS, DASHES, MARKERS, SavedFigure, save

TABLE = ["dataset", "protocol", "model"]
ARM = ["arm", "strategy", "recipe"]
MOST_MARKED = 60  # epochs; longer curves are drawn without marks


def error_curves(tables: Tables, folder: Path) -> list[SavedFigure]:
    """Draw one figure for each network: test error of every arm, fine-tuning after its parent."""
    offsets = tables.trials.set_index("trial_id")["epochs"]
    if tables.epochs.empty:
        return []
    rows = tables.of_finished(tables.epochs)
    rows["total_epoch"] = rows["epoch"] + rows["parent"].map(offsets).fillna(0)
    return [_draw_curves(group, folder) for _, group in rows.groupby(TABLE, sort=True)]


def _draw_curves(rows: pd.DataFrame, folder: Path) -> SavedFigure:
    first = rows.iloc[0]
    fine_tuned = rows[rows["parent"].notna()]
    panels = 1 if fine_tuned.empty else 2
    figure, axes = plt.subplots(1, panels, figsize=(4.9 * panels + 0.4, 4.4), squeeze=False)
    arms = sorted(rows.groupby(ARM, sort=True), key=lambda item: item[0][0] != FULL_PRECISION)
    for number, ((arm, strategy, _), group) in enumerate(arms):
        for axis in axes[0] if group["parent"].notna().any() else axes[0][:1]:
            _draw_curve(axis, group, number, arm_label(str(arm), str(strategy)))
    for axis in axes[0]:
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.set_xlabel("epochs in all")
    axes[0][0].set_ylim(bottom=0)
    axes[0][0].set_ylabel("test error (%)")
    axes[0][0].legend()
    if panels > 1:
        axes[0][1].set_title("fine-tuning alone, enlarged", fontsize=10)
    title = f"{first['model']}, {first['dataset']}, protocol {first['protocol']}"
    figure.suptitle(f"{title}: mean and range over seeds", fontsize=11)
    return save(
        figure, folder, file_name("error-curves", *(str(first[key]) for key in TABLE)),
        f"Test error over the epochs: {title}",
        "Test error after each epoch, mean (line) and range (band) over seeds. Fine-tuned networks"
        " start where their full-precision parents end. No epoch was chosen by these curves.",
    )  # fmt: skip


def _draw_curve(axis: Axes, rows: pd.DataFrame, number: int, label: str) -> None:
    curve = rows.groupby("total_epoch")["test_error_percent"].agg(["mean", "min", "max"])
    colour, dash = COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]
    axis.fill_between(curve.index, curve["min"], curve["max"], color=colour, alpha=0.18, lw=0)
    axis.plot(
        curve.index, curve["mean"], linestyle=dash, marker=MARKERS[number % len(MARKERS)],
        ms=4 if len(curve) < MOST_MARKED else 0, color=colour, label=label,
    )  # fmt: skip


def error_against_sparsity(tables: Tables, folder: Path) -> list[SavedFigure]:
    """Draw one figure for each network with ternary arms: every trial, full precision as a line."""
    figures = []
    for _, group in tables.finished.groupby(TABLE, sort=True):
        if group["sparsity"].notna().any():
            figures.append(_draw_sparsity(group, folder))
    return figures


def _draw_sparsity(rows: pd.DataFrame, folder: Path) -> SavedFigure:
    first = rows.iloc[0]
    figure, axis = plt.subplots(figsize=(6.5, 4.4))
    ternary = rows[rows["sparsity"].notna()]
    for number, ((arm, strategy, _), group) in enumerate(ternary.groupby(ARM, sort=True)):
        axis.scatter(
            100 * group["sparsity"].astype(float), group[ERROR], color=COLOURS[number],
            marker=MARKERS[number % len(MARKERS)], s=36, label=arm_label(str(arm), str(strategy)),
        )  # fmt: skip
    for number, ((arm, *_), group) in enumerate(
        rows[rows["sparsity"].isna()].groupby(ARM, sort=True)
    ):
        _reference_line(axis, group[ERROR], arm_label(str(arm)), DASHES[number + 1])
    axis.set_xlim(0, 100)
    axis.set_xlabel("zero weights in the ternary layers (%)")
    axis.set_ylabel("test error (%), last epoch")
    axis.legend()
    title = f"{first['model']}, {first['dataset']}, protocol {first['protocol']}"
    axis.set_title(f"{title}: one mark a trial", fontsize=10)
    return save(
        figure, folder, file_name("error-sparsity", *(str(first[key]) for key in TABLE)),
        f"Test error against sparsity: {title}",
        "Test error at the last epoch against the share of zeros over all ternary layers, one mark"
        " a trial; lines are the means of the full-precision networks, bands their range.",
    )  # fmt: skip


def _reference_line(
    axis: Axes, errors: "pd.Series[float]", label: str, dash: str | tuple[int, tuple[int, ...]]
) -> None:
    axis.axhline(float(errors.mean()), color="0.35", linestyle=dash, lw=1.3, label=label)
    axis.axhspan(float(errors.min()), float(errors.max()), color="0.5", alpha=0.12, lw=0)
