"""The sign of Eq. 7: |rho| by layer under the true gradient and under the printed one."""

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

from ttq_bench.analysis.arms import Arm
from ttq_bench.analysis.reference import authors_scales, peer_scales
from ttq_bench.report.contents import Contents
from ttq_bench.report.figures.shown_arms import looks_of
from ttq_bench.report.figures.style import Look, ReportFigure, name_layers, shift
from ttq_bench.report.naming import arm_label, file_name, layer_label, table_name

FLOOR = 1e-8  # where |rho| = 0 is drawn: a single-precision ratio next to one is 6e-8 away from it
TRUE, PRINTED = "ttq", "ttq-as-printed"
CAPTION = (
    "|rho| = |ln(W_p/W_n)| of each layer at the last epoch on a logarithmic axis, under the"
    " true gradient and under the sign printed in Eq. 7. Left: ours, every seed and their mean."
    " Right: the authors' released logs (true gradient), and the checkpoints of the most copied"
    " port, which has the printed sign: its layers that feed batch normalisation (BN) have equal"
    " scales. One dot a layer and the mean over them. Equal scales are drawn at the mark 0; a layer"
    " with a scale that is not positive has no rho and no dot."
)


def printed_sign(contents: Contents) -> list[ReportFigure]:
    """Return one figure for each network and strategy with both signs; published ones beside it."""
    tables, figures = contents.tables, []
    for arms in tables.networks():
        looks = looks_of(arms)
        finals = {arm: tables.final_scales_of(arm) for arm in arms if arm.arm in (TRUE, PRINTED)}
        for true in (arm for arm in finals if arm.arm == TRUE):
            for printed in finals:
                same = (printed.strategy, printed.recipe) == (true.strategy, true.recipe)
                pair = (true, printed)
                if printed.arm == PRINTED and same and all(len(finals[arm]) for arm in pair):
                    shown = [(arm, finals[arm], looks[arm]) for arm in pair]
                    figures.append(_figure(shown))
    return figures


def _figure(shown: list[tuple[Arm, pd.DataFrame, Look]]) -> ReportFigure:
    arm = shown[0][0]
    parts = (arm.dataset, arm.protocol, arm.model, arm.strategy, arm.recipe)
    where = f"{table_name(arm)}, {arm.strategy}"
    title = f"Scales under the true and under the printed sign of Eq. 7: {where}"
    return ReportFigure(file_name("sign", *parts), title, CAPTION, partial(_draw, where, shown))


def _draw(where: str, shown: list[tuple[Arm, pd.DataFrame, Look]]) -> Figure:
    rows = shown[0][1]
    names = rows.sort_values("layer_index").drop_duplicates("layer")
    layers = list(names["layer"])
    width = max(4.0, 0.42 * len(layers) + 1.5)
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(width + 4.2, 5), sharey=True, width_ratios=(width, 3)
    )
    for number, (each, scales, style) in enumerate(shown):
        draw_sizes(left, scales, layers, shift(number, 2), each, style)
    name_layers(left, list(map(layer_label, layers, names["feeds_batch_norm"])))
    draw_published(right, [style for *_, style in shown])
    left.set_yscale("log")
    left.set_ylim(FLOOR / 3, 3)
    left.yaxis.set_major_locator(LogLocator(numticks=12))
    left.yaxis.set_major_formatter(FuncFormatter(_size_label))
    left.set_ylabel(r"$|\rho|=|\ln(W_p/W_n)|$, last epoch")
    left.set_title(f"ours: {where}\ndots: seeds; large marks: means", fontsize=10)
    right.set_title("published, and how many layers\ndots: layers; large marks: means", fontsize=10)
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def _size_label(value: float, _: object) -> str:
    return "0" if value <= FLOOR else f"{value:.0e}".replace("e-0", "e-")


def draw_sizes(  # noqa: PLR0917
    axis: Axes, scales: pd.DataFrame, layers: list[str], aside: float, arm: Arm, style: Look
) -> None:
    """Draw |rho| of every seed at its layer, moved ``aside``, and the mean over seeds."""
    sizes = scales["rho"].abs().clip(lower=FLOOR)
    places = scales["layer"].map({name: place + aside for place, name in enumerate(layers)})
    axis.scatter(places, sizes, s=9, color=style.colour, alpha=0.6)
    means = sizes.groupby(places).mean()
    axis.plot(
        means.index, means, style.marker, color=style.colour, ms=6, mec="black", mew=0.6,
        label=arm_label(arm.arm, arm.strategy).rstrip(","),
    )  # fmt: skip


def published_sizes() -> dict[str, tuple[bool, "pd.Series[float]"]]:
    """Return |rho| of each published network's layers, and whether it had the printed sign."""
    peer, found = peer_scales(), {}
    networks: list[tuple[str, bool, pd.DataFrame]] = []
    for name, model in (("authors' ResNet-20", "resnet20"), ("authors' AlexNet", "alexnet")):
        log = authors_scales(model)
        assert log is not None, f"there is a log of {model}"
        networks.append((name, False, log[log["epoch"] == log["epoch"].max()]))
    for name, model in (("port's DenseNet", "densenet"), ("port's SqueezeNet", "squeezenet")):
        networks.append((name, True, peer[peer["model"].str.contains(model)]))
    for name, printed, rows in networks:
        for fed in ("yes", "no"):
            layers = rows[rows["feeds_batch_norm"] == fed]
            if len(layers):
                found[layer_label(name, fed)] = (printed, layers["rho"].abs())
    return found


def draw_published(axis: Axes, looks: list[Look]) -> None:
    """Draw |rho| of published layers, each network in the look of the sign that it had."""
    published = published_sizes()
    for place, (printed, found) in enumerate(published.values()):
        sizes, style = found.clip(lower=FLOOR), looks[printed]
        spread = place + np.linspace(-0.3, 0.3, len(sizes))
        axis.scatter(spread, sizes, s=9, color=style.colour, alpha=0.6)
        axis.plot(place, sizes.mean(), style.marker, color=style.colour, ms=6, mec="black", mew=0.6)
    name_layers(axis, [f"{name}, {len(sizes)}" for name, (_, sizes) in published.items()])
