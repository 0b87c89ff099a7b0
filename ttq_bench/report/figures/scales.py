"""W_p, W_n and rho over the epochs for the first, a middle and the last ternary layer."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.ticker import MaxNLocator

from ttq_bench.analysis.arms import Arm
from ttq_bench.analysis.tables import Tables, first_middle_last
from ttq_bench.report.figures.scale_panels import (
    draw_logged_scales,
    draw_rho,
    draw_scales,
    draw_shares,
    logged_curve,
)
from ttq_bench.report.figures.shown_arms import one_strength
from ttq_bench.report.figures.style import SavedFigure, save
from ttq_bench.report.naming import file_name, heading, seeds_in_words

OURS, LOG, RHO, CODES = "scale", "scale,\nauthors' log", r"$\rho=\ln(W_p/W_n)$", "share of weights"
INCHES = {OURS: 2.2, LOG: 1.6, RHO: 1.9, CODES: 1.5}
STRETCHED = "\n(authors' 400, stretched\nto the same width)"


def scales_over_epochs(tables: Tables, folder: Path) -> list[SavedFigure]:
    """Draw one figure for each arm with learned scales: scales, their ratio, shares of codes."""
    figures = []
    for arm in one_strength(tables.arms()):
        trials = tables.trials_of(arm)
        if arm.is_quantized and arm.scales.startswith("learned") and len(trials):
            rows = tables.scales[tables.scales["trial_id"].isin(trials["trial_id"])]
            figures.append(_draw(arm, rows, seeds_in_words(len(trials)), folder))
    return figures


def _draw(arm: Arm, rows: pd.DataFrame, seeds: str, folder: Path) -> SavedFigure:
    chosen = first_middle_last(rows["layer_index"].unique())
    layers = [rows[rows["layer_index"] == index] for index in chosen]
    logs = [logged_curve(arm, layer) for layer in layers]
    has = {LOG: any(log is not None for log in logs), RHO: arm.learns_pair}
    names = [name for name in INCHES if has.get(name, True)]
    inches = [INCHES[name] for name in names]
    figure, axes = plt.subplots(
        len(names), len(layers), figsize=(3.4 * len(layers), 1.3 + sum(inches)), squeeze=False,
        sharex=True, height_ratios=inches,
    )  # fmt: skip
    for column, (layer, log) in enumerate(zip(layers, logs, strict=True)):
        panels = dict(zip(names, axes[:, column], strict=True))
        draw_scales(panels[OURS], layer)
        draw_shares(panels[CODES], layer)
        if has[RHO]:
            draw_rho(panels[RHO], layer, log)
        if log is not None:
            draw_logged_scales(panels[LOG], log)
        axes[0][column].set_title(layer["layer"].iloc[0])
        axes[-1][column].xaxis.set_major_locator(MaxNLocator(integer=True))
        axes[-1][column].set_xlabel(f"epoch of fine-tuning{STRETCHED if has[LOG] else ''}")
    for name, axis in zip(names, axes[:, 0], strict=True):
        axis.set_ylabel(name)
    entries = [
        e for axis in axes[:, 0] for e in zip(*axis.get_legend_handles_labels(), strict=True)
    ]
    handles, labels = zip(*entries, strict=True)
    figure.legend(handles, labels, loc="outside lower center", ncols=4)
    figure.suptitle(f"{heading(arm)}\nmean and range over {seeds}", fontsize=11)
    parts = (arm.dataset, arm.protocol, arm.model, arm.arm, arm.strategy, arm.recipe)
    return save(
        figure, folder, file_name("scales", *parts), f"Scales over the epochs: {heading(arm)}",
        _caption(seeds, has),
    )  # fmt: skip


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
