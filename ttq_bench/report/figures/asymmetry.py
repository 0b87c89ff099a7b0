"""rho = ln(W_p / W_n) of each layer at the last epoch, every seed shown."""

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ttq_bench.analysis.asymmetry import NetworkAsymmetry
from ttq_bench.analysis.margins import MARGIN
from ttq_bench.analysis.tables import Tables
from ttq_bench.report.contents import Contents
from ttq_bench.report.figures.shown_arms import ONE_STRENGTH, looks_of, one_strength
from ttq_bench.report.figures.style import (
    MOST_DOTS,
    NARROWEST,
    Look,
    ReportFigure,
    bar,
    name_layers,
    shift,
)
from ttq_bench.report.naming import arm_label, layer_label, network_file, table_name

CAPTION = (
    "rho = ln(W_p/W_n) of each ternary layer at the last epoch: each seed, and the mean with"
    " its 95 % interval (none for fewer than three seeds). Grey:"
    f" scales within {MARGIN:.0%} of each other. Above zero W_p is larger.{ONE_STRENGTH}"
)


def asymmetry_by_layer(contents: Contents) -> list[ReportFigure]:
    """Return one figure for each network: all its ternary arms side by side in each layer."""
    networks = {network.arm: network for network in contents.asymmetries}
    figures = []
    for arms in contents.tables.networks():
        looks = looks_of(arms)
        shown = [(networks[arm], looks[arm]) for arm in one_strength(arms) if arm in networks]
        if shown:
            title = f"How far W_p and W_n are apart, by layer: {table_name(arms[0])}"
            draw = partial(_draw, contents.tables, shown)
            figures.append(ReportFigure(network_file("asymmetry", arms[0]), title, CAPTION, draw))
    return figures


def _draw(tables: Tables, shown: list[tuple[NetworkAsymmetry, Look]]) -> Figure:
    labels: dict[str, str] = {}  # arms may differ in their layers: the union, in network order
    for network, _ in sorted(shown, key=lambda item: -len(item[0].layers)):
        for layer in network.layers:
            labels.setdefault(layer.layer, layer_label(layer.layer, layer.feeds_batch_norm))
    places = {name: place for place, name in enumerate(labels)}
    figure, axis = plt.subplots(figsize=(max(NARROWEST, 0.55 * len(labels) + 2), 4.4))
    axis.axhspan(-MARGIN, MARGIN, color="0.88", zorder=0, label=f"within {MARGIN:.0%}")
    axis.axhline(0, color="0.4", lw=1)
    for number, (network, style) in enumerate(shown):
        aside = shift(number, len(shown))
        _draw_arm(axis, tables, network, style, {n: p + aside for n, p in places.items()})
    sizes = [tables.final_scales_of(network.arm)["rho"].abs().max() for network, _ in shown]
    reach = 1.15 * float(np.nanmax([2 * MARGIN, *sizes]))
    axis.set_ylim(-reach, reach)
    name_layers(axis, list(labels.values()))
    axis.set_ylabel(r"$\rho=\ln(W_p/W_n)$")
    title = table_name(shown[0][0].arm)
    axis.set_title(f"{title}\nsmall dots: seeds; large marks: means, 95 % intervals", fontsize=10)
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def _draw_arm(
    axis: Axes, tables: Tables, network: NetworkAsymmetry, style: Look, places: dict[str, float]
) -> None:
    scales = tables.final_scales_of(network.arm)
    axis.scatter(
        scales["layer"].map(places), scales["rho"], s=9, color=style.colour, alpha=0.6, zorder=2,
        rasterized=len(scales) > MOST_DOTS,
    )  # fmt: skip
    axis.errorbar(
        [places[layer.layer] for layer in network.layers],
        [layer.rho.mean for layer in network.layers],
        yerr=[bar(layer.rho) for layer in network.layers],
        fmt=style.marker, color=style.colour, ms=5, lw=1, capsize=2, zorder=3,
        label=arm_label(network.arm.arm, network.arm.strategy),
    )  # fmt: skip
