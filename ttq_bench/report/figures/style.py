"""One look for every figure: colour-blind safe, told apart in grey by line style, small files."""

import io
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib

matplotlib.use("Agg")  # before pyplot: reports are drawn on machines without a screen

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from ttq_bench.analysis.judges import FEWEST_JUDGED
from ttq_bench.analysis.statistics import Estimate

COLOURS = sns.color_palette("colorblind", 8)
DASHES = ("-", "--", "-.", ":", (0, (1, 1)), (0, (5, 1, 1, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P")
DOTS_PER_INCH = 130
NARROWEST = 8.0  # inches; titles and legends of two columns need them
MARGIN_SHARE = 0.12
MOST_DOTS = 5_000  # of one arm; more are an image inside of the SVG, whose size they do not move
LEGEND_COLUMNS = 2
LEGEND_ROW_INCHES = 0.22


@dataclass(frozen=True, slots=True)
class Look:
    """How one arm is drawn, the same in every figure of a network."""

    colour: Any
    dash: Any
    marker: str


def look(number: int) -> Look:
    """Return the look of the arm with this number; looks come back after a while."""
    return Look(
        COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)], MARKERS[number % len(MARKERS)]
    )


def legend_inches(entries: int) -> float:
    """Return the height of a legend in ``LEGEND_COLUMNS``."""
    return LEGEND_ROW_INCHES * math.ceil(entries / LEGEND_COLUMNS)


def bar(value: Estimate) -> float:
    """Return how far a bar reaches, NaN (no bar at all) where tables print no interval."""
    return math.nan if value.n < FEWEST_JUDGED else value.half_width


def readable(values: "pd.Series[float]", *always: float) -> tuple[float, float]:
    """Return limits of an axis by what was measured, and ``always``: wide intervals are clipped."""
    shown = [*values.dropna(), *always]
    margin = MARGIN_SHARE * (max(shown) - min(shown) or 1.0)
    return min(shown) - margin, max(shown) + margin


def shift(number: int, count: int) -> float:
    """Return how far beside its tick one of ``count`` marks stands; ticks are 1 apart."""
    return 0.8 * ((number + 1) / (count + 1) - 0.5)


def name_layers(axis: Axes, labels: Sequence[str]) -> None:
    """Write the names of layers below places 0, 1, 2 and so on."""
    axis.set_xlim(-0.6, len(labels) - 0.4)
    axis.set_xticks(range(len(labels)), list(labels), rotation=60)
    plt.setp(axis.get_xticklabels(), ha="right", rotation_mode="anchor")


@dataclass(frozen=True, slots=True)
class ReportFigure:
    """A figure of a report: the name of its files, without an ending, its heading and caption.

    ``draw`` makes it, within ``figure_style``; ``picture_files`` then makes its files.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[], Figure]


@contextmanager
def figure_style() -> Iterator[None]:
    """Draw with the suite's look, whatever a matplotlibrc says; leave no trace in the process."""
    settings = {
        "svg.hashsalt": "ttq_bench",  # the same records give the same file
        "svg.fonttype": "none",  # letters can be read out, searched for and copied
        "font.sans-serif": ["DejaVu Sans", "Verdana", "sans-serif"],  # Verdana is as wide
        "axes.spines.top": False,
        "axes.spines.right": False,
        "figure.constrained_layout.use": True,
    }
    look = sns.axes_style("whitegrid") | sns.plotting_context("notebook", font_scale=0.85)
    defaults = {k: v for k, v in matplotlib.rcParamsDefault.items() if k != "backend"}
    with matplotlib.rc_context(defaults | look | settings):
        yield


def picture_files(figure: Figure, name: str) -> dict[str, bytes]:
    """Return ``NAME.png`` and ``NAME.svg`` of a figure, and close it."""
    # The layout alone, without the drawing of all that it moves: a third of the time.
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
    # Its solver orders its unknowns by address: the last bits of its positions vary.
    figure.set_layout_engine("none")
    for axis in figure.axes:
        axis.set_position(tuple(round(value, 6) for value in axis.get_position().bounds))
    figure.set_dpi(DOTS_PER_INCH)
    # Not by savefig, which draws once more before it draws.
    png, svg = io.BytesIO(), io.BytesIO()
    FigureCanvasAgg(figure).print_png(png, metadata={"Software": None})  # type: ignore[no-untyped-call]
    FigureCanvasSVG(figure).print_svg(svg, metadata={"Date": None})  # type: ignore[no-untyped-call]
    plt.close(figure)
    return {f"{name}.png": png.getvalue(), f"{name}.svg": svg.getvalue()}
