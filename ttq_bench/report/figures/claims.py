"""Claims at a glance: what was printed, what the authors' log says, what we find."""

import math
import textwrap
from functools import partial

import matplotlib.pyplot as plt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ttq_bench.analysis.ledger import LedgerRow
from ttq_bench.report.figures.style import COLOURS, ReportFigure, bar
from ttq_bench.report.sections.verdicts import LATE, PROXY, at_a_glance

INCHES_A_ROW = 0.46
NAME_WIDTH = 48
FRAME = 1.25  # of the farthest mark
VERDICT_COLOURS = {
    "supported": COLOURS[2], "contradicted": COLOURS[3], "undecided": "0.35", "not run": "0.6",
}  # fmt: skip
UNITS = {
    "points": "points of test error", "points for 12 layers": "points for 12 layers",
    "|ρ|": "size of ρ = ln(W_p/W_n) over layers",
    "ρ": "mean ρ over layers: above zero W_p is larger",
    "times": "times smaller", "share of movement": "share of movement",
    "slope": "slope of ρ on ln(n₊/n₋) over layers",
}  # fmt: skip
CAPTION = (
    "For each claim: the printed figure (cross), the authors' log (triangle), and what was"
    f" measured here with its 95 % interval (dot; hollow where it is {PROXY}: on other"
    " data or a shorter schedule). The shaded span is where a claim is supported, once the"
    " whole interval lies in it. At the right is the verdict: *alone* means not after"
    " correction for the number of claims, *by rule* that the runs cannot decide it yet,"
    f" *exploratory* that {LATE}."
)


def claims_at_a_glance(rows: list[LedgerRow]) -> list[ReportFigure]:
    """Return one figure: a row for each claim that has a number of any kind to show."""
    shown = [row for row in rows if _numbers(row)]
    if not any(row.value for row in shown):
        return []
    return [ReportFigure("claims", "Claims at a glance", CAPTION, partial(_draw, shown))]


def _draw(shown: list[LedgerRow]) -> Figure:
    """Draw one panel for each unit."""
    units = list(dict.fromkeys(row.claim.unit for row in shown))
    panels = [[row for row in shown if row.claim.unit == unit] for unit in units]
    heights = [len(panel) + 1.3 for panel in panels]
    figure, axes = plt.subplots(
        len(panels), 1, figsize=(12.5, INCHES_A_ROW * sum(heights) + 1.2), squeeze=False,
        height_ratios=heights,
    )  # fmt: skip
    for axis, panel in zip(axes[:, 0], panels, strict=True):
        _draw_panel(axis, panel)
    handles: dict[str, Artist] = {}
    for axis in axes[:, 0]:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=4)
    figure.suptitle(
        "Claims at a glance: printed, logged by the authors, measured here", fontsize=11
    )
    return figure


def _numbers(row: LedgerRow) -> list[float]:
    """Return every finite number that the row has to show."""
    value = row.value
    numbers = [row.claim.printed_value, row.log.value if row.log else None]
    if value is not None:
        reach = bar(value)
        numbers += [value.mean] if math.isnan(reach) else [value.low, value.mean, value.high]
    return [number for number in numbers if number is not None and not math.isnan(number)]


def _draw_panel(axis: Axes, rows: list[LedgerRow]) -> None:
    numbers = [number for row in rows for number in _numbers(row)]
    ends = [end for row in rows for end in row.claim.bound if math.isfinite(end)]
    low, high = min(numbers + ends), max(numbers + ends)
    pad = (FRAME - 1) * (high - low or 1.0)
    axis.set_xlim(low - pad, high + pad)
    for place, row in enumerate(rows):
        _draw_row(axis, place, row, (low - pad, high + pad))
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.set_yticks(range(len(rows)), [_name(row) for row in rows], fontsize=8.5)
    axis.set_xlabel(UNITS[rows[0].claim.unit])
    axis.grid(visible=False, axis="y")
    if low - pad < 0 < high + pad:
        axis.axvline(0, color="0.3", lw=0.8, zorder=1)


def _draw_row(axis: Axes, place: int, row: LedgerRow, frame: tuple[float, float]) -> None:
    low, high = (min(max(end, frame[0]), frame[1]) for end in row.claim.bound)
    axis.fill_betweenx(
        [place - 0.38, place + 0.38], low, high, color="0.9", lw=0, zorder=0, label="supported here"
    )
    if row.claim.printed_value is not None:
        axis.plot(
            row.claim.printed_value, place, "x", color="black", ms=8, mew=2, label="printed",
            zorder=4, linestyle="none",
        )  # fmt: skip
    if row.log:
        axis.plot(
            row.log.value, place, "v", color=COLOURS[1], ms=7, label="authors' log", zorder=3,
            linestyle="none",
        )  # fmt: skip
    value = row.value
    if value is not None:
        reach = 0.0 if math.isnan(length := bar(value)) else length
        axis.errorbar(
            value.mean, place, xerr=reach, fmt="o", color=COLOURS[0], ms=7, lw=2, capsize=4,
            mfc=COLOURS[0] if row.exact else "white", mew=1.6, zorder=5,
            label="measured here" if row.exact else f"measured here, {PROXY}",
        )  # fmt: skip
    axis.text(
        1.01, place, at_a_glance(row), transform=axis.get_yaxis_transform(),
        va="center", fontsize=9, color=VERDICT_COLOURS[row.says],
        fontweight="bold" if row.exact and value is not None else "normal",
    )  # fmt: skip


def _name(row: LedgerRow) -> str:
    n = f", n = {row.value.n}" if row.value and not row.is_counted else ""
    where = f", {row.network.protocol}" if row.network else ""
    statement = row.claim.statement.split(":")[0]
    return textwrap.fill(f"{row.claim.label}{where}{n}: {statement}", width=NAME_WIDTH)
