"""The figures of a report. To add one: write a function of the tables, add it to ``FIGURES``.

Each function returns the figures it saved, none where the records hold nothing for it.
"""

from collections.abc import Callable
from pathlib import Path

from ttq_bench.analysis.tables import Tables
from ttq_bench.report.figure_asymmetry import asymmetry_by_layer
from ttq_bench.report.figure_errors import error_against_sparsity, error_curves
from ttq_bench.report.figure_scales import scales_over_epochs
from ttq_bench.report.style import SavedFigure, figure_style

FIGURES: tuple[Callable[[Tables, Path], list[SavedFigure]], ...] = (
    scales_over_epochs,
    asymmetry_by_layer,
    error_curves,
    error_against_sparsity,
)


def draw_figures(tables: Tables, folder: Path) -> list[SavedFigure]:
    """Draw every figure into ``folder`` and return them in the order of ``FIGURES``."""
    if tables.trials.empty:
        return []
    with figure_style():
        return [figure for draw in FIGURES for figure in draw(tables, folder)]
