"""What the panels of the scales of one layer show: ours over seeds, the authors' own log."""

import pandas as pd
from matplotlib.axes import Axes

from ttq_bench.analysis.arms import Arm
from ttq_bench.analysis.margins import MARGIN
from ttq_bench.analysis.reference import authors_scales
from ttq_bench.report.figures.style import COLOURS

SCALES = (("positive_scale", "$W_p$", "-"), ("negative_scale", "$W_n$", "--"))
SHARES = (
    ("positive_share", "+", COLOURS[0], "white"),
    ("zero_share", "0", "0.85", "black"),
    ("negative_share", "\N{MINUS SIGN}", COLOURS[3], "white"),
)
LOGGED_RHO = r"$\rho$, authors' log"


def logged_curve(arm: Arm, layer: pd.DataFrame) -> pd.DataFrame | None:
    """Return the authors' log of the layer of the same name in TTQ, None where there is none.

    Their epochs are stretched, so that their last is ours: ``epoch`` then need not be whole.
    """
    log = authors_scales(arm.model) if arm.arm == "ttq" else None
    if log is None:
        return None
    log = log[log["layer"] == layer["layer"].iloc[0]]
    stretched = log["epoch"] * layer["epoch"].max() / log["epoch"].max()
    return log.assign(epoch=stretched) if len(log) else None


def draw_scales(axis: Axes, layer: pd.DataFrame) -> None:
    """Draw mean and range over seeds of W_p and W_n."""
    for (column, label, dash), colour in zip(SCALES, (COLOURS[0], COLOURS[3]), strict=True):
        _draw_over_seeds(axis, layer, column, colour=colour, dash=dash, label=label)


def draw_rho(axis: Axes, layer: pd.DataFrame, log: pd.DataFrame | None) -> None:
    """Draw mean and range over seeds of rho above the authors' curve."""
    for height, dash, label in (
        (0, "-", None), (-MARGIN, "-.", f"{MARGIN:.0%} apart"), (MARGIN, "-.", None)
    ):  # fmt: skip
        axis.axhline(height, color="0.4", lw=1, ls=dash, label=label)
    if log is not None:
        axis.plot(log["epoch"], log["rho"], ":", color="0.25", lw=1.3, label=LOGGED_RHO)
    _draw_over_seeds(axis, layer, "rho", colour=COLOURS[2], dash="-", label=r"$\rho$")


def draw_logged_scales(axis: Axes, log: pd.DataFrame) -> None:
    """Draw W_p and W_n of the authors' log, without colour: they are not ours."""
    for (column, label, dash), shade in zip(SCALES, ("black", "0.5"), strict=True):
        axis.plot(
            log["epoch"], log[column], dash, color=shade, lw=1.4, label=f"{label}, authors' log"
        )


def _draw_over_seeds(
    axis: Axes, layer: pd.DataFrame, column: str, *, colour: object, dash: str, label: str
) -> None:
    over_seeds = layer.groupby("epoch")[column]
    mean, low, high = over_seeds.mean(), over_seeds.min(), over_seeds.max()
    axis.fill_between(mean.index, low, high, color=colour, alpha=0.2, lw=0)
    axis.plot(mean.index, mean, dash, color=colour, label=label, lw=2)


def draw_shares(axis: Axes, layer: pd.DataFrame) -> None:
    """Draw the mean shares of the codes on top of each other."""
    means = layer.groupby("epoch")[[name for name, *_ in SHARES]].mean()
    middle = (means.index[0] + means.index[-1]) / 2
    bottom = pd.Series(0.0, index=means.index)
    for name, sign, colour, ink in SHARES:
        top = bottom + means[name]
        axis.fill_between(means.index, bottom, top, color=colour, lw=0)
        # The sign stands in its own area: the colours are close to each other in grey.
        height = (bottom.iloc[-1] + top.iloc[-1]) / 2
        text = f"{sign}  {100 * means[name].iloc[-1]:.0f} %"
        axis.text(middle, height, text, ha="center", va="center", fontweight="bold", color=ink)
        bottom = top
    axis.set_ylim(0, 1)
    axis.margins(x=0)
