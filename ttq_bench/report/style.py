"""One look for every figure: colour-blind safe, told apart in grey by line style, small files."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # before pyplot: reports are drawn on machines without a screen

import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.figure import Figure

COLOURS = sns.color_palette("colorblind", 8)
DASHES = ("-", "--", "-.", ":", (0, (1, 1)), (0, (5, 1, 1, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P")
DOTS_PER_INCH = 130


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


@dataclass(frozen=True, slots=True)
class SavedFigure:
    """A figure on disk: ``path`` of the PNG (the SVG lies beside it), heading, caption."""

    path: Path
    title: str
    caption: str


@contextmanager
def figure_style() -> Iterator[None]:
    """Draw with the suite's look; ends without a trace in the process."""
    settings = {
        "svg.hashsalt": "ttq_bench",  # the same records give the same file
        "svg.fonttype": "path",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "figure.constrained_layout.use": True,
    }
    look = sns.axes_style("whitegrid") | sns.plotting_context("notebook", font_scale=0.85)
    with matplotlib.rc_context(look | settings):
        yield


def save(figure: Figure, folder: Path, name: str, title: str, caption: str) -> SavedFigure:
    """Write ``name``.png and ``name``.svg into ``folder``, close the figure, return what it is."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    figure.savefig(path, dpi=DOTS_PER_INCH, metadata={"Software": None})
    figure.savefig(path.with_suffix(".svg"), metadata={"Date": None})
    plt.close(figure)
    return SavedFigure(path, title, caption)
