"""Figures as tests see them: the files, and the axes before they are closed."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ttq_bench.analysis.tables import Tables, load_tables
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.report.build import write_report
from ttq_bench.report.contents import read_contents
from ttq_bench.report.figures.style import SavedFigure, figure_style

Draw = Callable[[Tables, Path], list[SavedFigure]]


def saved(draw: Draw, root: Path) -> list[SavedFigure]:
    """Return the figures that the records in ``root`` give."""
    with figure_style():
        return draw(load_tables(ResultsPaths(root)), root / "figures")


def write_texts(root: Path) -> str:
    """Write a report whose files of figures hold none, which is quicker; return its summary."""
    results = ResultsPaths(root)
    write_report(read_contents(results), results, pictures=False)
    return results.summary.read_text(encoding="utf-8")


def opened(monkeypatch: Any, module: ModuleType, draw: Draw, root: Path) -> list[Figure]:
    """Return the figures themselves, saved as always but kept from being forgotten."""
    kept: list[Figure] = []
    real = module.save

    def save_and_keep(figure: Figure, *rest: Any) -> SavedFigure:
        kept.append(figure)
        return real(figure, *rest)

    monkeypatch.setattr(module, "save", save_and_keep)
    saved(draw, root)
    return kept


def bars(axis: Axes) -> dict[str, list[tuple[float, float, float, float]]]:
    """Return x, y, low and high of each mark that has an interval, by the label of its series."""
    found = {}
    for container in axis.containers:
        line, _, (spans, *_) = container
        points = zip(line.get_xdata(), line.get_ydata(), spans.get_segments(), strict=True)
        found[container.get_label()] = [(x, y, *span[:, 1]) for x, y, span in points if span.size]
    return found


def assert_same_files_twice(draw: Draw, root: Path) -> None:
    """Draw twice and compare every byte; there must be something to compare."""
    contents = []
    for _ in range(2):
        figures = saved(draw, root)
        assert figures
        paths = [f.path.with_suffix(end) for f in figures for end in (".png", ".svg")]
        contents.append([path.read_bytes() for path in paths])
    assert contents[0] == contents[1]
    assert plt.get_fignums() == []
