"""Test error against sparsity."""

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from ttq_bench.analysis.arms import Arm
from ttq_bench.analysis.comparison import ERROR
from ttq_bench.analysis.statistics import estimate
from ttq_bench.analysis.tables import Tables
from ttq_bench.report.figures.shown_arms import look_numbers
from ttq_bench.report.figures.style import (
    LEGEND_COLUMNS,
    MOST_DOTS,
    Look,
    SavedFigure,
    bar,
    legend_inches,
    look,
    readable,
    save,
)
from ttq_bench.report.figures.sweeps import Sweep, mean_zeros, sweeps
from ttq_bench.report.naming import arm_label, network_file, table_name

FARTHEST = 4  # times the typical height above the lowest error: what is higher leaves the frame


def error_against_sparsity(tables: Tables, folder: Path) -> list[SavedFigure]:
    """Draw one figure for each network with quantized arms: sweeps of a strategy as lines."""
    return [
        _draw(tables, arms, folder)
        for arms in tables.networks()
        if any(arm.is_quantized and len(tables.trials_of(arm)) for arm in arms)
    ]


def _draw(tables: Tables, arms: list[Arm], folder: Path) -> SavedFigure:
    lines = sweeps(tables, arms)
    full = [(arm, look(i)) for arm, i in look_numbers(arms).items() if not arm.is_quantized]
    height = 4.2 + legend_inches(len(lines) + len(full))
    figure, axis = plt.subplots(figsize=(8, height))
    for arm, style in full:
        _draw_full_precision(axis, tables, arm, style)
    for line in lines:
        draw_sweep(axis, tables, line)
    errors = pd.concat([tables.trials_of(arm)[ERROR] for arm in arms])
    high = errors.min() + FARTHEST * (errors.median() - errors.min())
    shown = errors[errors <= max(high, errors.quantile(0.75))]
    axis.set_ylim(readable(shown))
    axis.set_xlim(-2, 100)
    axis.set_xlabel("zero weights in the quantized layers (%)")
    axis.set_ylabel("test error (%), last epoch")
    figure.legend(loc="outside lower center", ncols=LEGEND_COLUMNS)
    above = len(errors) - len(shown)
    axis.set_title(
        f"{table_name(arms[0])}\ndots: trials; large marks: means (along lines: 95 % intervals)"
        + (f"; trials above the frame: {above}" if above else ""), fontsize=10,
    )  # fmt: skip
    return save(
        figure, folder, network_file("error-sparsity", arms[0]),
        f"Test error against sparsity: {table_name(arms[0])}",
        "Test error at the last epoch against the share of zeros over all quantized layers: each"
        " trial, and the mean over seeds. Lines join the strengths of one delta strategy, with 95 %"
        " intervals (none for one seed, clipped by the frame where they are few): r is the share of"
        " zeros, t the fraction of the largest magnitude. Horizontal lines are the means of the"
        " full-precision networks, bands their range.",
    )  # fmt: skip


def _draw_full_precision(axis: Axes, tables: Tables, arm: Arm, style: Look) -> None:
    errors = tables.trials_of(arm)[ERROR]
    if len(errors):
        label = arm_label(arm.arm)
        axis.axhline(errors.mean(), color=style.colour, ls=style.dash, lw=1.5, label=label)
        axis.axhspan(errors.min(), errors.max(), color=style.colour, alpha=0.12, lw=0)


def draw_sweep(axis: Axes, tables: Tables, line: Sweep) -> None:
    """Draw every trial of a sweep, and a line through the means of its arms."""
    style = line.look
    for arm in line.arms:
        trials = tables.trials_of(arm)
        zeros = 100 * trials["sparsity"].astype(float)
        axis.scatter(
            zeros, trials[ERROR], color=style.colour, s=9, alpha=0.6, zorder=2,
            rasterized=len(trials) > MOST_DOTS,
        )  # fmt: skip
    means = [estimate(list(tables.trials_of(arm)[ERROR])) for arm in line.arms]
    swept = len(means) > 1  # single arms lie close together: their intervals would hide each other
    axis.errorbar(
        [mean_zeros(tables, arm) for arm in line.arms], [mean.mean for mean in means],
        yerr=[bar(mean.half_width) for mean in means] if swept else None,
        ls=style.dash if swept else "none", marker=style.marker, color=style.colour,
        ms=7 if swept else 5, lw=1.6, capsize=3, mec="black", mew=0.6, label=line.label,
        zorder=4 if swept else 3,
    )  # fmt: skip
