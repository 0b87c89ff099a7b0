"""W_p and W_n over the epochs for the first, a middle and the last ternary layer."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from ttq_bench.analysis.tables import Arm, Tables
from ttq_bench.report.naming import file_name, heading
from ttq_bench.report.style import COLOURS, SavedFigure, save

SHARES = (
    ("positive_share", "+", COLOURS[0], "white"),
    ("zero_share", "0", "0.85", "black"),
    ("negative_share", "\N{MINUS SIGN}", COLOURS[3], "white"),
)


def scales_over_epochs(tables: Tables, folder: Path) -> list[SavedFigure]:
    """Draw one figure for each arm with learned scales: these above, shares of codes beneath."""
    figures = []
    for arm in tables.arms():
        trials = tables.trials_of(arm)
        if arm.is_quantized and arm.scales.startswith("learned") and len(trials):
            rows = tables.scales[tables.scales["trial_id"].isin(trials["trial_id"])]
            figures.append(_draw(arm, rows, len(trials), folder))
    return figures


def _draw(arm: Arm, rows: pd.DataFrame, seeds: int, folder: Path) -> SavedFigure:
    count = f"{seeds} seeds" if seeds > 1 else "one seed"
    order = sorted(rows["layer_index"].unique())
    chosen = list(dict.fromkeys((order[0], order[len(order) // 2], order[-1])))
    figure, axes = plt.subplots(
        2, len(chosen), figsize=(3.4 * len(chosen), 5), squeeze=False, sharex=True,
        height_ratios=(3, 2),
    )  # fmt: skip
    for column, index in enumerate(chosen):
        layer = rows[rows["layer_index"] == index]
        _draw_scales(axes[0][column], layer)
        _draw_shares(axes[1][column], layer)
        axes[0][column].set_title(layer["layer"].iloc[0])
        axes[1][column].set_xlabel("epoch of fine-tuning")
        axes[1][column].xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0][0].set_ylabel("scale")
    axes[1][0].set_ylabel("share of weights")
    axes[0][-1].legend(loc="best")
    figure.suptitle(f"{heading(arm)}\nmean and range over {count}", fontsize=11)
    parts = (arm.dataset, arm.protocol, arm.model, arm.arm, arm.strategy, arm.recipe)
    return save(
        figure, folder, file_name("scales", *parts),
        f"Scales over the epochs: {heading(arm)}",
        "Top: W_p (solid) and W_n (dashed) of the first, a middle and the last quantized layer over"
        f" the epochs, mean and range over {count}. Beneath: shares of positive, zero and"
        " negative weights.",
    )  # fmt: skip


def _draw_scales(axis: Axes, layer: pd.DataFrame) -> None:
    for column, label, colour, dash in (
        ("positive_scale", "$W_p$", COLOURS[0], "-"),
        ("negative_scale", "$W_n$", COLOURS[3], "--"),
    ):
        over_seeds = layer.groupby("epoch")[column]
        epochs = sorted(layer["epoch"].unique())
        axis.fill_between(epochs, over_seeds.min(), over_seeds.max(), color=colour, alpha=0.2, lw=0)
        axis.plot(epochs, over_seeds.mean(), dash, color=colour, label=label, lw=2)


def _draw_shares(axis: Axes, layer: pd.DataFrame) -> None:
    means = layer.groupby("epoch")[[name for name, *_ in SHARES]].mean()
    middle = means.index[len(means) // 2]
    bottom = pd.Series(0.0, index=means.index)
    for name, sign, colour, ink in SHARES:
        top = bottom + means[name]
        axis.fill_between(means.index, bottom, top, color=colour, lw=0)
        # The sign stands in its own area: the colours are close to each other in grey.
        height = (bottom[middle] + top[middle]) / 2
        text = f"{sign}  {100 * means[name].iloc[-1]:.0f} %"
        axis.text(middle, height, text, ha="center", va="center", fontweight="bold", color=ink)
        bottom = top
    axis.set_ylim(0, 1)
    axis.margins(x=0)
