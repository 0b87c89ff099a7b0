"""The figures of a report. To add one: write a function of the tables, add it to ``FIGURES``.

Each function returns the figures it saved, none where the records hold nothing for it.
"""

from collections.abc import Callable
from pathlib import Path

from ttq_bench.analysis.tables import Tables
from ttq_bench.report.contents import Contents
from ttq_bench.report.figures.asymmetry import asymmetry_by_layer
from ttq_bench.report.figures.claims import claims_at_a_glance
from ttq_bench.report.figures.depth import gain_by_depth
from ttq_bench.report.figures.direction import direction_against_zeros
from ttq_bench.report.figures.errors import error_curves
from ttq_bench.report.figures.histograms import latent_weights
from ttq_bench.report.figures.kernels import kernels_of_a_layer
from ttq_bench.report.figures.scales import scales_over_epochs
from ttq_bench.report.figures.sign import printed_sign
from ttq_bench.report.figures.sparsity import error_against_sparsity
from ttq_bench.report.figures.style import SavedFigure, figure_style
from ttq_bench.report.figures.symmetrised import cost_of_symmetry

FIGURES: tuple[Callable[[Tables, Path], list[SavedFigure]], ...] = (
    scales_over_epochs,
    asymmetry_by_layer,
    printed_sign,
    cost_of_symmetry,
    direction_against_zeros,
    error_curves,
    gain_by_depth,
    error_against_sparsity,
    latent_weights,
    kernels_of_a_layer,
)


def draw_figures(contents: Contents, folder: Path, *, pictures: bool = True) -> list[SavedFigure]:
    """Draw every figure into ``folder``: the claims, then those of ``FIGURES`` in their order."""
    if contents.tables.trials.empty:
        return []
    with figure_style(pictures=pictures):
        figures = claims_at_a_glance(contents.ledger, folder)
        return figures + [f for draw in FIGURES for f in draw(contents.tables, folder)]
