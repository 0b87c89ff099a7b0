"""The figures of a report. To add one: write a function of the contents, add it to ``FIGURES``.

Each function returns its figures, not drawn yet, and none where the records hold nothing for it.
"""

from collections.abc import Callable

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
from ttq_bench.report.figures.style import ReportFigure
from ttq_bench.report.figures.symmetrised import cost_of_symmetry

FIGURES: tuple[Callable[[Contents], list[ReportFigure]], ...] = (
    lambda contents: claims_at_a_glance(contents.ledger),
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


def all_figures(contents: Contents) -> list[ReportFigure]:
    """Return every figure of a report, in the order of ``FIGURES``."""
    if contents.tables.trials.empty:
        return []
    return [figure for figures in FIGURES for figure in figures(contents)]
