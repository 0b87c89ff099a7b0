"""What quantizing gains at each depth: the paper's Table 1, and ours."""

from collections.abc import Iterable
from functools import partial

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ttq_bench.analysis.comparison import ArmResult
from ttq_bench.analysis.judges import FEWEST_JUDGED
from ttq_bench.analysis.paper import TABLE_1, printed_gain
from ttq_bench.analysis.tables import Tables
from ttq_bench.models.catalog import MODELS
from ttq_bench.report.contents import Contents
from ttq_bench.report.figures.shown_arms import is_usual, look_numbers
from ttq_bench.report.figures.style import Look, ReportFigure, bar, look, readable, shift

FAMILIES = {"cifar_resnet": "", "preact_resnet": ", pre-activation"}
STEP = 12  # layers between one depth and the next
TITLE = "What TTQ gains over full precision, by depth"
CAPTION = (
    "Test error of full precision minus that of TTQ, in points, against depth: above zero TTQ"
    " is better. Line with open marks: Table 1 of the paper, one run each. Other marks: ours,"
    " mean with 95 % interval over seeds (none for fewer than three),"
    " each against the same weights trained on as long without quantizing; n is the number of"
    " pairs. Marks stand a little aside of their depth to be seen apart."
)


def gain_by_depth(contents: Contents) -> list[ReportFigure]:
    """Return one figure: printed gains, and those of every residual network trained with TTQ."""
    series = depth_series(contents.results)
    if not series:
        return []
    draw = partial(_draw, series, _looks(contents.tables, series))
    return [ReportFigure("depth", TITLE, CAPTION, draw)]


def _looks(tables: Tables, series: dict[str, dict[int, ArmResult]]) -> list[Look]:
    """Return the look of each line: its first arm's, or the next that is free."""
    numbers = {arm: n for arms in tables.networks() for arm, n in look_numbers(arms).items()}
    taken: list[int] = []
    for by_depth in series.values():
        number = numbers[next(iter(by_depth.values())).arm]
        while number in taken:
            number += 1
        taken.append(number)
    return [look(number) for number in taken]


def depth_series(results: Iterable[ArmResult]) -> dict[str, dict[int, ArmResult]]:
    """Return TTQ's results that have a control, by the name of a line and the depth on it.

    Lines of one depth are left out unless they have the paper's strength: other ones
    tried on one network belong to the figure on sparsity.
    """
    series: dict[str, dict[int, ArmResult]] = {}
    for result in results:
        arm, card = result.arm, MODELS.get(result.arm.model)
        if arm.arm == "ttq" and card and card.family in FAMILIES and result.to_continued:
            name = f"{arm.dataset}, protocol {arm.protocol}{FAMILIES[card.family]}, {arm.strategy}"
            while card.depth in series.get(name, {}):  # trained in another way under one name
                name = f"{name}, {arm.epochs} epochs ({arm.recipe})"
            series.setdefault(name, {})[card.depth] = result
    return {
        name: by_depth
        for name, by_depth in series.items()
        if len(by_depth) > 1 or any(is_usual(r.arm) for r in by_depth.values())
    }


def _draw(series: dict[str, dict[int, ArmResult]], looks: list[Look]) -> Figure:
    figure, axis = plt.subplots(figsize=(8, 4.4 + 0.22 * len(series)))
    axis.axhline(0, color="0.4", lw=1)
    printed = {MODELS[model].depth: printed_gain(model) for model in TABLE_1}
    axis.plot(
        [*printed], [*printed.values()], "o-", color="black", mfc="white", ms=7, lw=1.2,
        label="printed: CIFAR-10, Table 1, one run each",
    )  # fmt: skip
    for number, (name, by_depth) in enumerate(series.items()):
        draw_series(axis, name, by_depth, STEP * 0.4 * shift(number, len(series)), looks[number])
    costs = [r.to_continued for d in series.values() for r in d.values() if r.to_continued]
    ends = [-end for cost in costs if cost.n >= FEWEST_JUDGED for end in (cost.low, cost.high)]
    axis.set_ylim(readable(pd.Series([*ends, *(-c.mean for c in costs), *printed.values()]), 0.0))
    depths = sorted({*printed, *(depth for by_depth in series.values() for depth in by_depth)})
    axis.set_xticks(depths, [f"ResNet-{depth}" for depth in depths])
    axis.set_xlim(depths[0] - STEP / 2, depths[-1] + STEP / 2)
    axis.set_ylabel("full precision minus TTQ\n(points of test error)")
    axis.set_title("What TTQ gains (above zero) or loses, by depth", fontsize=11)
    figure.legend(loc="outside lower center")
    return figure


def draw_series(
    axis: Axes, name: str, by_depth: dict[int, ArmResult], aside: float, style: Look
) -> None:
    """Draw mean gain and interval at each depth, moved ``aside``."""
    gains = {depth: r.to_continued for depth, r in sorted(by_depth.items()) if r.to_continued}
    counts = sorted({gain.n for gain in gains.values()})
    n = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    axis.errorbar(
        [depth + aside for depth in gains], [-gain.mean for gain in gains.values()],
        yerr=[bar(gain) for gain in gains.values()],
        marker=style.marker, ls=style.dash, color=style.colour, ms=6, lw=1.4, capsize=3,
        label=f"{name}, n = {n}",
    )  # fmt: skip
