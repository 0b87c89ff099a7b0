"""Which scale is larger, and how unequal the counts are, against the share of zeros."""

from collections.abc import Callable
from functools import partial

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ttq_bench.analysis.authors_log import resnet20_mean_rho
from ttq_bench.analysis.measured import Measured, Network, finished, networks
from ttq_bench.analysis.tables import Tables
from ttq_bench.report.contents import Contents
from ttq_bench.report.figures.style import (
    LEGEND_COLUMNS,
    Look,
    ReportFigure,
    bar,
    legend_inches,
    look,
)
from ttq_bench.report.naming import arm_label, network_file
from ttq_bench.report.sections.direction import ARMS, Direction, directions

PANELS: tuple[tuple[str, Callable[[Direction], Measured | None]], ...] = (
    ("mean ρ over layers", lambda strength: strength.rho),
    ("mean ln(n₊/n₋) over layers", lambda strength: strength.counts),
)
CAPTION = (
    "Top: mean of ρ = ln(W_p/W_n) over layers at the last epoch, against the measured share of"
    " zeros, under both delta strategies: each seed, and the mean with its 95 % interval (none"
    " for fewer than three seeds). The dotted line is the authors' log, which holds no share of"
    " zeros. Bottom: the mean of ln(n₊/n₋), the asymmetry of the counts: if the counts explained"
    " the direction, it would change sign where ρ does."
)


def direction_against_zeros(contents: Contents) -> list[ReportFigure]:
    """Return one figure for each setting with TTQ: mean rho, below it the asymmetry of counts."""
    figures = []
    for network in networks(contents.tables):
        strengths = [d for d in directions(contents.tables, network) if d.arm == ARMS[0]]
        if strengths:
            name = network_file("direction", network)
            title = f"Which scale is larger, against the share of zeros: {network}"
            draw = partial(_draw, contents.tables, network, strengths)
            figures.append(ReportFigure(name, title, CAPTION, draw))
    return figures


def _draw(tables: Tables, network: Network, strengths: list[Direction]) -> Figure:
    families: dict[str, list[Direction]] = {}
    for strength in strengths:
        families.setdefault(strength.rule, []).append(strength)
    height = 6.4 + legend_inches(len(families) + 2)
    figure, axes = plt.subplots(2, 1, figsize=(8, height), sharex=True)
    rows = finished(tables, network)
    zeros = dict(zip(rows["trial_id"].astype(str), rows["sparsity"].astype(float), strict=True))
    for axis, (label, measure) in zip(axes, PANELS, strict=True):
        axis.axhline(0, color="0.4", lw=1)
        axis.set_ylabel(label)
        for number, (rule, members) in enumerate(sorted(families.items())):
            points = [(member.zeros, value) for member in members if (value := measure(member))]
            _draw_family(axis, look(number), arm_label(ARMS[0], rule), points, zeros)
    if network.model.endswith("resnet20"):
        axes[0].axhline(
            resnet20_mean_rho().value, color="black", ls=":", lw=1.5,
            label="authors' log, one run, t = 0.05 (its share of zeros is not logged)",
        )  # fmt: skip
    axes[1].set_xlabel("zero weights in the quantized layers (%)")
    axes[1].set_xlim(-2, 100)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=LEGEND_COLUMNS)
    axes[0].set_title(
        f"{network}\ntop: above zero W_p is larger; bottom: + is commoner", fontsize=10
    )
    return figure


def _draw_family(
    axis: Axes,
    style: Look,
    label: str,
    points: list[tuple[float, Measured]],
    zeros: dict[str, float],
) -> None:
    """Draw ``points``, each at its mean share of zeros; ``zeros`` has the share of each trial."""
    for _, value in points:
        axis.scatter(
            [100 * zeros[trial] for trial in value.trials], value.values, color=style.colour, s=9,
            alpha=0.6, zorder=2,
        )  # fmt: skip
    means = [value.estimate for _, value in points]
    axis.errorbar(
        [place for place, _ in points], [mean.mean for mean in means],
        yerr=[bar(mean) for mean in means], ls=style.dash if len(means) > 1 else "none",
        marker=style.marker, color=style.colour, ms=7, lw=1.6, capsize=3, mec="black", mew=0.6,
        label=label, zorder=4,
    )  # fmt: skip
