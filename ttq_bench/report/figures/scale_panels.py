"""What the panels of the scales of one layer show: ours over seeds, the authors' own log."""

from collections.abc import Collection

import pandas as pd
from matplotlib.axes import Axes

from ttq_bench.analysis.arms import Arm
from ttq_bench.analysis.gains import TTQ
from ttq_bench.analysis.margins import MARGIN
from ttq_bench.analysis.reference import authors_scales
from ttq_bench.report.figures.style import COLOURS

SCALES = (("positive_scale", "$W_p$", "-"), ("negative_scale", "$W_n$", "--"))
SHARES = (
    ("positive_share", "+", COLOURS[0], "white"),
    ("zero_share", "0", "0.85", "black"),
    ("negative_share", "\N{MINUS SIGN}", COLOURS[3], "white"),
)
RHO = "rho"
DRAWN = [*(name for name, *_ in (*SCALES, *SHARES)), RHO]


def over_seeds(layer: pd.DataFrame) -> pd.DataFrame:
    """Return mean, minimum and maximum over the seeds of one layer, by epoch.

    Columns: (name, "mean"), (name, "min") and (name, "max") of each name in ``DRAWN``.
    """
    return layer.groupby("epoch")[DRAWN].agg(["mean", "min", "max"])


def logged_curves(arm: Arm, layers: Collection[str], last_epoch: int) -> dict[str, pd.DataFrame]:
    """Return the authors' log of TTQ for those of the ``layers`` that it has, none for other arms.

    Their epochs are stretched, so that their last is ours: ``epoch`` then need not be whole.
    """
    log = authors_scales(arm.model) if arm.arm == TTQ[0] else None
    if log is None:
        return {}
    stretched = log.assign(epoch=log["epoch"] * last_epoch / log["epoch"].max())
    return {str(name): rows for name, rows in stretched.groupby("layer") if name in layers}


def draw_scales(axis: Axes, layer: pd.DataFrame) -> None:
    """Draw mean and range of W_p and W_n; ``layer`` is that of ``over_seeds``."""
    for (column, label, dash), colour in zip(SCALES, (COLOURS[0], COLOURS[3]), strict=True):
        _draw_over_seeds(axis, layer, column, colour=colour, dash=dash, label=label)


def draw_rho(axis: Axes, layer: pd.DataFrame, log: pd.DataFrame | None) -> None:
    """Draw mean and range of rho above the authors' curve."""
    for height, dash, label in (
        (0, "-", None), (-MARGIN, "-.", f"{MARGIN:.0%} apart"), (MARGIN, "-.", None)
    ):  # fmt: skip
        axis.axhline(height, color="0.4", lw=1, ls=dash, label=label)
    if log is not None:
        axis.plot(
            log["epoch"], log["rho"], ":", color="0.25", lw=1.3, label=r"$\rho$, authors' log"
        )
    _draw_over_seeds(axis, layer, RHO, colour=COLOURS[2], dash="-", label=r"$\rho$")


def draw_logged_scales(axis: Axes, log: pd.DataFrame) -> None:
    """Draw W_p and W_n of the authors' log, without colour: they are not ours."""
    for (column, label, dash), shade in zip(SCALES, ("black", "0.5"), strict=True):
        axis.plot(
            log["epoch"], log[column], dash, color=shade, lw=1.4, label=f"{label}, authors' log"
        )


def _draw_over_seeds(
    axis: Axes, layer: pd.DataFrame, column: str, *, colour: object, dash: str, label: str
) -> None:
    values = layer[column]
    axis.fill_between(values.index, values["min"], values["max"], color=colour, alpha=0.2, lw=0)
    axis.plot(values.index, values["mean"], dash, color=colour, label=label, lw=2)


def draw_shares(axis: Axes, layer: pd.DataFrame) -> None:
    """Draw the mean shares of the codes on top of each other."""
    middle = (layer.index[0] + layer.index[-1]) / 2
    bottom = pd.Series(0.0, index=layer.index)
    for name, sign, colour, ink in SHARES:
        share = layer[name, "mean"]
        top = bottom + share
        axis.fill_between(layer.index, bottom, top, color=colour, lw=0)
        # The sign stands in its own area: the colours are close to each other in grey.
        height = (bottom.iloc[-1] + top.iloc[-1]) / 2
        text = f"{sign}  {100 * share.iloc[-1]:.0f} %"
        axis.text(middle, height, text, ha="center", va="center", fontweight="bold", color=ink)
        bottom = top
    axis.set_ylim(0, 1)
    axis.margins(x=0)
