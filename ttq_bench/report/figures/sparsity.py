"""Test error against sparsity: arms that differ in the strength of a strategy alone are a line."""

from dataclasses import dataclass
from functools import partial

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ttq_bench.analysis.arms import Arm
from ttq_bench.analysis.comparison import ERROR
from ttq_bench.analysis.statistics import estimate
from ttq_bench.analysis.tables import Tables
from ttq_bench.report.contents import Contents
from ttq_bench.report.figures.shown_arms import by_family, looks_of
from ttq_bench.report.figures.style import (
    LEGEND_COLUMNS,
    MOST_DOTS,
    Look,
    ReportFigure,
    bar,
    legend_inches,
    readable,
)
from ttq_bench.report.naming import arm_label, network_file, table_name
from ttq_bench.ternary.strategies import DeltaStrategy

FARTHEST = 4  # times the typical height above the lowest error: what is higher leaves the frame

SYMBOLS = {"constant_sparsity": "r", "max_fraction": "t"}
CAPTION = (
    "Test error at the last epoch against the share of zeros over all quantized layers: each"
    " trial, and the mean over seeds. Lines join the strengths of one delta strategy, with 95 %"
    " intervals (none for fewer than three seeds): r is the share of"
    " zeros, t the fraction of the largest magnitude. Horizontal lines are the means of the"
    " full-precision networks, bands their range."
)


@dataclass(frozen=True, slots=True)
class Sweep:
    """Arms that differ in the strength of one strategy alone, by rising share of zeros."""

    label: str
    arms: list[Arm]
    look: Look


def error_against_sparsity(contents: Contents) -> list[ReportFigure]:
    """Return one figure for each network with quantized arms: sweeps of a strategy as lines."""
    tables = contents.tables
    return [
        ReportFigure(
            network_file("error-sparsity", arms[0]),
            f"Test error against sparsity: {table_name(arms[0])}",
            CAPTION,
            partial(_draw, tables, arms),
        )
        for arms in tables.networks()
        if any(arm.is_quantized and len(tables.trials_of(arm)) for arm in arms)
    ]


def _draw(tables: Tables, arms: list[Arm]) -> Figure:
    looks = looks_of(arms)
    lines = _sweeps(tables, arms, looks)
    full = [(arm, style) for arm, style in looks.items() if not arm.is_quantized]
    height = 4.2 + legend_inches(len(lines) + len(full))
    figure, axis = plt.subplots(figsize=(8, height))
    for arm, style in full:
        _draw_full_precision(axis, tables, arm, style)
    for line in lines:
        _draw_sweep(axis, tables, line)
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
    return figure


def _sweeps(tables: Tables, arms: list[Arm], looks: dict[Arm, Look]) -> list[Sweep]:
    """Return the quantized arms, those of one method and strategy together."""
    shown = [arm for arm in arms if arm.is_quantized and len(tables.trials_of(arm))]
    return [
        Sweep(
            _label(group),
            sorted(group, key=lambda arm: _mean_zeros(tables, arm)),
            looks[group[0]],
        )
        for group in by_family(shown)
    ]


def _label(group: list[Arm]) -> str:
    first = group[0]
    if len(group) == 1 or first.delta is None:
        return arm_label(first.arm, first.strategy)
    words = filter(None, [_rule_in_words(first.delta), first.conversion])
    return arm_label(first.arm, ", ".join(words))


def _rule_in_words(rule: DeltaStrategy) -> str:
    """Return a delta strategy with a symbol for its number."""
    number = SYMBOLS.get(rule.name, "x")
    if rule.start is not None:
        number = f"{rule.start:g} to {number} in {rule.ramp_epochs:g} epochs"
    return f"{rule.name}({number}{', by epoch' if rule.update == 'epoch' else ''})"


def _mean_zeros(tables: Tables, arm: Arm) -> float:
    """Return the mean share of zeros over an arm's finished trials, in percent."""
    return float(100 * tables.trials_of(arm)["sparsity"].astype(float).mean())


def _draw_full_precision(axis: Axes, tables: Tables, arm: Arm, style: Look) -> None:
    errors = tables.trials_of(arm)[ERROR]
    if len(errors):
        label = arm_label(arm.arm)
        axis.axhline(errors.mean(), color=style.colour, ls=style.dash, lw=1.5, label=label)
        axis.axhspan(errors.min(), errors.max(), color=style.colour, alpha=0.12, lw=0)


def _draw_sweep(axis: Axes, tables: Tables, line: Sweep) -> None:
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
        [_mean_zeros(tables, arm) for arm in line.arms], [mean.mean for mean in means],
        yerr=[bar(mean) for mean in means] if swept else None,
        ls=style.dash if swept else "none", marker=style.marker, color=style.colour,
        ms=7 if swept else 5, lw=1.6, capsize=3, mec="black", mew=0.6, label=line.label,
        zorder=4 if swept else 3,
    )  # fmt: skip
