"""rho = ln(W_p / W_n) of each layer at the last epoch, every seed shown."""

from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from ttq_bench.analysis.asymmetry import MARGIN, NetworkAsymmetry, asymmetry
from ttq_bench.analysis.tables import Tables
from ttq_bench.report.naming import arm_label, file_name
from ttq_bench.report.style import COLOURS, MARKERS, SavedFigure, save


def asymmetry_by_layer(tables: Tables, folder: Path) -> list[SavedFigure]:
    """Draw one figure for each network: all its ternary arms side by side in each layer."""
    networks: dict[tuple[str, str, str], list[NetworkAsymmetry]] = {}
    for network in asymmetry(tables):
        key = (network.dataset, network.protocol, network.model)
        networks.setdefault(key, []).append(network)
    return [_draw(tables, arms, folder) for arms in networks.values()]


def _draw(tables: Tables, arms: list[NetworkAsymmetry], folder: Path) -> SavedFigure:
    first = arms[0]
    layers = [layer.layer for layer in first.layers]
    figure, axis = plt.subplots(figsize=(max(5.5, 0.55 * len(layers) + 2), 4.4))
    axis.axhspan(-MARGIN, MARGIN, color="0.88", zorder=0, label=f"equal within {MARGIN:.0%}")
    axis.axhline(0, color="0.4", lw=1)
    for number, arm in enumerate(arms):
        _draw_arm(axis, tables, arm, number, (number + 1) / (len(arms) + 1) - 0.5)
    reach = 1.15 * max([2 * MARGIN, *(arm.largest for arm in arms)])
    axis.set_ylim(-reach, reach)
    fed = {layer.layer: layer.feeds_batch_norm for layer in first.layers}
    marks = {"yes": "", "no": " (no BN)", "unknown": " (BN?)"}
    axis.set_xticks(range(len(layers)), [name + marks[fed[name]] for name in layers], rotation=60)
    plt.setp(axis.get_xticklabels(), ha="right", rotation_mode="anchor")
    axis.set_ylabel(r"$\rho=\ln(W_p/W_n)$")
    title = f"{first.model}, {first.dataset}, protocol {first.protocol}"
    axis.set_title(f"{title}\nsmall dots: seeds; large marks: means, 95 % intervals", fontsize=10)
    figure.legend(loc="outside lower center", ncols=2)
    return save(
        figure, folder, file_name("asymmetry", first.dataset, first.protocol, first.model),
        f"How far W_p and W_n are apart, by layer: {title}",
        "rho = ln(W_p/W_n) of each ternary layer at the last epoch: each seed, and the mean with"
        " its 95 % interval (clipped by the frame where seeds are few). Grey: scales within"
        f" {MARGIN:.0%} of each other. Above zero W_p is larger.",
    )  # fmt: skip


def _draw_arm(axis: Axes, tables: Tables, arm: NetworkAsymmetry, number: int, shift: float) -> None:
    colour = COLOURS[number]
    mine = tables.final_scales_of(arm)
    axis.scatter(
        mine["layer_index"] + shift * 0.8, mine["rho"], s=9, color=colour, alpha=0.6, zorder=2
    )
    places = [layer.layer_index + shift * 0.8 for layer in arm.layers]
    means = [layer.rho.mean for layer in arm.layers]
    reach = [min(layer.rho.half_width, 10.0) for layer in arm.layers]
    axis.errorbar(
        places, means, yerr=reach, fmt=MARKERS[number], color=colour, ms=5, lw=1, capsize=2,
        label=arm_label(arm.arm, arm.strategy), zorder=3,
    )  # fmt: skip
