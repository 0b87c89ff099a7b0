"""rho = ln(W_p / W_n) of each layer at the last epoch, every seed shown."""

import math
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from ttq_bench.analysis.asymmetry import MARGIN, NetworkAsymmetry, asymmetry
from ttq_bench.analysis.tables import Tables
from ttq_bench.report.naming import arm_label, file_name, table_name
from ttq_bench.report.style import Look, SavedFigure, look, save

MARKS = {"yes": "", "no": " (no BN)", "unknown": " (BN?)"}
FARTHEST = 10.0  # half-widths beyond this are off every figure


def asymmetry_by_layer(tables: Tables, folder: Path) -> list[SavedFigure]:
    """Draw one figure for each network: all its ternary arms side by side in each layer."""
    networks = {network.arm: network for network in asymmetry(tables)}
    figures = []
    for arms in tables.networks():
        shown = [(networks[a], look(i)) for i, a in enumerate(arms) if a in networks]
        if shown:
            figures.append(_draw(tables, shown, folder))
    return figures


def _draw(tables: Tables, shown: list[tuple[NetworkAsymmetry, Look]], folder: Path) -> SavedFigure:
    arm = shown[0][0].arm
    labels: dict[str, str] = {}  # arms may differ in their layers: the union, in network order
    for network, _ in sorted(shown, key=lambda item: -len(item[0].layers)):
        for layer in network.layers:
            labels.setdefault(layer.layer, layer.layer + MARKS[layer.feeds_batch_norm])
    places = {name: place for place, name in enumerate(labels)}
    figure, axis = plt.subplots(figsize=(max(5.5, 0.55 * len(labels) + 2), 4.4))
    axis.axhspan(-MARGIN, MARGIN, color="0.88", zorder=0, label=f"within {MARGIN:.0%}")
    axis.axhline(0, color="0.4", lw=1)
    for number, (network, style) in enumerate(shown):
        shift = 0.8 * ((number + 1) / (len(shown) + 1) - 0.5)
        _draw_arm(axis, tables, network, style, {n: p + shift for n, p in places.items()})
    reach = 1.15 * max([2 * MARGIN, *(network.largest for network, _ in shown)])
    axis.set_ylim(-reach, reach)
    axis.set_xlim(-0.6, len(labels) - 0.4)
    axis.set_xticks(range(len(labels)), list(labels.values()), rotation=60)
    plt.setp(axis.get_xticklabels(), ha="right", rotation_mode="anchor")
    axis.set_ylabel(r"$\rho=\ln(W_p/W_n)$")
    title = table_name(arm)
    axis.set_title(f"{title}\nsmall dots: seeds; large marks: means, 95 % intervals", fontsize=10)
    figure.legend(loc="outside lower center", ncols=2)
    return save(
        figure, folder, file_name("asymmetry", arm.dataset, arm.protocol, arm.model),
        f"How far W_p and W_n are apart, by layer: {title}",
        "rho = ln(W_p/W_n) of each ternary layer at the last epoch: each seed, and the mean with"
        " its 95 % interval (none for one seed, clipped by the frame where they are few). Grey:"
        f" scales within {MARGIN:.0%} of each other. Above zero W_p is larger.",
    )  # fmt: skip


def _draw_arm(
    axis: Axes, tables: Tables, network: NetworkAsymmetry, style: Look, places: dict[str, float]
) -> None:
    mine = tables.final_scales_of(network.arm)
    axis.scatter(
        mine["layer"].map(places), mine["rho"], s=9, color=style.colour, alpha=0.6, zorder=2
    )
    axis.errorbar(
        [places[layer.layer] for layer in network.layers],
        [layer.rho.mean for layer in network.layers],
        yerr=[_bar(layer.rho.half_width) for layer in network.layers],
        fmt=style.marker, color=style.colour, ms=5, lw=1, capsize=2, zorder=3,
        label=arm_label(network.arm.arm, network.arm.strategy),
    )  # fmt: skip


def _bar(half_width: float) -> float:
    """Return how far a bar reaches; one seed has an infinite interval, which is no bar at all."""
    return math.nan if math.isinf(half_width) else min(half_width, FARTHEST)
