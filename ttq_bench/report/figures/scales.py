"""W_p, W_n and rho over the epochs for the first, a middle and the last ternary layer."""

from functools import partial

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ttq_bench.analysis.arms import Arm
from ttq_bench.analysis.tables import first_middle_last
from ttq_bench.report.contents import Contents
from ttq_bench.report.figures.scale_panels import (
    draw_logged_scales,
    draw_rho,
    draw_scales,
    draw_shares,
    logged_curves,
    over_seeds,
)
from ttq_bench.report.figures.shown_arms import one_strength
from ttq_bench.report.figures.style import ReportFigure
from ttq_bench.report.naming import file_name, heading, seeds_in_words

OURS, LOG, RHO, CODES = "scale", "scale,\nauthors' log", r"$\rho=\ln(W_p/W_n)$", "share of weights"
INCHES = {OURS: 2.2, LOG: 1.6, RHO: 1.9, CODES: 1.5}
STRETCHED = "\n(authors' 400, stretched\nto the same width)"


def scales_over_epochs(contents: Contents) -> list[ReportFigure]:
    """Return one figure for each arm with learned scales: scales, their ratio, shares of codes."""
    tables, figures = contents.tables, []
    for arm in one_strength(tables.arms()):
        trials = tables.trials_of(arm)
        if arm.is_quantized and arm.scales.startswith("learned") and len(trials):
            rows = tables.scales[tables.scales["trial_id"].isin(trials["trial_id"])]
            figures.append(_figure(arm, rows, seeds_in_words(len(trials))))
    return figures


def _figure(arm: Arm, rows: pd.DataFrame, seeds: str) -> ReportFigure:
    chosen = first_middle_last(rows["layer_index"].unique())
    by_index = [rows[rows["layer_index"] == index] for index in chosen]
    layers = {str(layer["layer"].iloc[0]): layer for layer in by_index}
    logs = logged_curves(arm, layers, rows["epoch"].max())
    has = {LOG: bool(logs), RHO: arm.learns_pair}
    parts = (arm.dataset, arm.protocol, arm.model, arm.arm, arm.strategy, arm.recipe)
    return ReportFigure(
        file_name("scales", *parts),
        f"Scales over the epochs: {heading(arm)}",
        _caption(seeds, has),
        partial(_draw, f"{heading(arm)}\nmean and range over {seeds}", layers, logs, has),
    )


def _draw(
    title: str,
    layers: dict[str, pd.DataFrame],
    logs: dict[str, pd.DataFrame],
    has: dict[str, bool],
) -> Figure:
    names = [name for name in INCHES if has.get(name, True)]
    inches = [INCHES[name] for name in names]
    figure, axes = plt.subplots(
        len(names), len(layers), figsize=(3.4 * len(layers), 1.3 + sum(inches)), squeeze=False,
        sharex=True, height_ratios=inches,
    )  # fmt: skip
    for column, (layer, rows) in enumerate(layers.items()):
        panels = dict(zip(names, axes[:, column], strict=True))
        values, log = over_seeds(rows), logs.get(layer)
        draw_scales(panels[OURS], values)
        draw_shares(panels[CODES], values)
        if has[RHO]:
            draw_rho(panels[RHO], values, log)
        if log is not None:
            draw_logged_scales(panels[LOG], log)
        axes[0][column].set_title(layer)
        axes[-1][column].xaxis.set_major_locator(MaxNLocator(integer=True))
        axes[-1][column].set_xlabel(f"epoch of fine-tuning{STRETCHED if has[LOG] else ''}")
    for name, axis in zip(names, axes[:, 0], strict=True):
        axis.set_ylabel(name)
    entries = [
        e for axis in axes[:, 0] for e in zip(*axis.get_legend_handles_labels(), strict=True)
    ]
    handles, labels = zip(*entries, strict=True)
    figure.legend(handles, labels, loc="outside lower center", ncols=4)
    figure.suptitle(title, fontsize=11)
    return figure


def _caption(seeds: str, has: dict[str, bool]) -> str:
    ratio = (
        " Then rho = ln(W_p/W_n), all that acts where batch normalisation follows; the"
        " lines beside zero: one scale is 5 % larger." if has[RHO] else ""
    )  # fmt: skip
    log = (
        " The authors' own log (one run, pre-activation network, 400 epochs of their schedule,"
        " stretched to the same width) is drawn without colour in panels of its own and, as a"
        " dotted line, beneath our rho." if has[LOG] else ""
    )  # fmt: skip
    return (
        "Top: W_p (solid) and W_n (dashed) of the first, a middle and the last quantized layer over"
        f" the epochs, mean (line) and range (band) over {seeds}.{ratio}{log} Bottom: mean shares"
        " of positive, zero and negative weights; the figures are those of the last epoch."
    )
