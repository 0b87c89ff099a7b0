"""How latent weights are spread, from the start to the last epoch of TTQ."""

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ttq_bench.analysis.arms import Arm
from ttq_bench.report.contents import Contents
from ttq_bench.report.figures.latent_spread import Spread, latent_spreads
from ttq_bench.report.figures.shown_arms import ttq_arms
from ttq_bench.report.figures.style import COLOURS, ReportFigure
from ttq_bench.report.naming import heading, network_file, seeds_in_words

MOST_ROWS = 6


def latent_weights(contents: Contents) -> list[ReportFigure]:
    """Return one figure for each network with histograms of TTQ: three layers, epoch by epoch."""
    figures = []
    for arms in contents.tables.networks():
        for arm in ttq_arms(arms):
            if spreads := latent_spreads(contents.tables, arm):
                figures.append(_figure(arm, spreads))
                break
    return figures


def _figure(arm: Arm, layers: dict[str, dict[int, Spread]]) -> ReportFigure:
    seeds = seeds_in_words(
        max(spread.seeds for epochs in layers.values() for spread in epochs.values())
    )
    return ReportFigure(
        network_file("histograms", arm),
        f"Latent weights: {heading(arm)}",
        "Share of the latent weights of the first, a middle and the last quantized layer in bins of"
        f" equal width, mean over {seeds}, at the start and at later epochs (down). The axis is the"
        " weight over the largest magnitude of its layer at that epoch, which is given in each"
        " panel (mean). Dashed: the start. Vertical lines: the threshold, read off where the"
        " recorded share of zeros lies; what is between them is zero.",
        partial(_draw, arm, layers, seeds),
    )


def _draw(arm: Arm, layers: dict[str, dict[int, Spread]], seeds: str) -> Figure:
    every = sorted({epoch for spreads in layers.values() for epoch in spreads})
    chosen = np.linspace(0, len(every) - 1, min(MOST_ROWS, len(every))).round().astype(int)
    epochs = [every[index] for index in chosen]
    figure, axes = plt.subplots(
        len(epochs), len(layers), figsize=(3.6 * len(layers), 1.35 * len(epochs) + 1.7),
        squeeze=False, sharex="col", sharey="col",
    )  # fmt: skip
    for column, (name, spreads) in enumerate(layers.items()):
        for row, epoch in enumerate(epochs):
            draw_spread(axes[row][column], spreads[epoch], spreads[epochs[0]] if row else None)
            axes[row][0].set_ylabel(f"epoch {epoch}" if epoch else "start")
        axes[0][column].set_title(name)
        axes[-1][column].set_xlabel("latent weight / largest\nmagnitude in its layer")
        reach = max(spread.visible for spread in spreads.values())
        axes[0][column].set_xlim(-reach, reach)
    handles = axes[-1][0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=3)
    figure.suptitle(f"{heading(arm)}\nlatent weights, mean over {seeds}", fontsize=11)
    return figure


def draw_spread(axis: Axes, spread: Spread, start: Spread | None) -> None:
    """Draw one layer at one epoch, above the outline of the start where that is given."""
    axis.stairs(
        100 * spread.shares, spread.edges, fill=True, color=COLOURS[0], alpha=0.45, label="weights"
    )
    if start is not None:
        axis.stairs(
            100 * start.shares, start.edges, color="black", ls="--", lw=1, label="at the start"
        )
    for side in (-spread.threshold, spread.threshold):
        axis.axvline(
            side, color=COLOURS[3], ls="-.", lw=1.4, label="threshold" if side > 0 else None
        )
    axis.text(
        0.98, 0.9, f"largest {spread.reach:.2g}", transform=axis.transAxes, ha="right", va="top",
        fontsize=8,
    )  # fmt: skip
    axis.yaxis.set_major_formatter("{x:g} %")
