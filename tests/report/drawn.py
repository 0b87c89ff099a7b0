"""Figures as tests see them: planned, drawn, and their files."""

from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ttq_bench.records.paths import ResultsPaths
from ttq_bench.report.build import write_report
from ttq_bench.report.contents import Contents, read_contents
from ttq_bench.report.figures.style import ReportFigure, figure_style, picture_files

Figures = Callable[[Contents], list[ReportFigure]]


def figures_of(figures: Figures, root: Path) -> list[ReportFigure]:
    """Return the figures that the records in ``root`` give, not drawn yet."""
    return figures(read_contents(ResultsPaths(root)))


def drawn(figures: Figures, root: Path) -> list[Figure]:
    """Return the figures of the records in ``root`` as Matplotlib has them."""
    with figure_style():
        return [_closed(figure.draw()) for figure in figures_of(figures, root)]


def _closed(figure: Figure) -> Figure:
    plt.close(figure)
    return figure


def write_texts(root: Path) -> str:
    """Write a report whose files of figures hold none, which is quicker; return its summary."""
    results = ResultsPaths(root)
    write_report(read_contents(results), results, pictures=False)
    return results.summary.read_text(encoding="utf-8")


def bars(axis: Axes) -> dict[str, list[tuple[float, float, float, float]]]:
    """Return x, y, low and high of each mark that has an interval, by the label of its series."""
    found = {}
    for container in axis.containers:
        line, _, (spans, *_) = container
        points = zip(line.get_xdata(), line.get_ydata(), spans.get_segments(), strict=True)
        found[container.get_label()] = [(x, y, *span[:, 1]) for x, y, span in points if span.size]
    return found


def assert_same_files_twice(figures: Figures, root: Path) -> None:
    """Draw twice and compare every byte; there must be something to compare."""
    with figure_style():
        first, second = (
            [picture_files(figure.draw(), figure.name) for figure in figures_of(figures, root)]
            for _ in range(2)
        )
    assert first
    assert first == second
    assert plt.get_fignums() == []
