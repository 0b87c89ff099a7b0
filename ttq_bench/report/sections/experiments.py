"""Table ``EXPERIMENTS``: the sections of the pages, one for each question.

Each has the page it stands on, the arms it is about (none: all), the figures that show it, and a
function that writes its tables. To add one: add an entry, and a function of the contents that
yields lines.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby

import pandas as pd

from ttq_bench.analysis.gains import CONTROL, TTQ
from ttq_bench.analysis.margins import MARGIN
from ttq_bench.analysis.measured import networks
from ttq_bench.analysis.tables import Tables
from ttq_bench.analysis.variance import fine_tune_split
from ttq_bench.report.contents import Contents
from ttq_bench.report.figures.style import ReportFigure
from ttq_bench.report.sections.direction import direction
from ttq_bench.report.sections.experiment_tables import (
    against_ttq,
    error_tables,
    kept_movement,
    sparsity_table,
    symmetrised_tables,
)
from ttq_bench.report.sections.figure_lines import figure_lines, kind_of
from ttq_bench.report.sections.how_to_read import OF_SCALES
from ttq_bench.report.sections.provenance import how_it_was_run
from ttq_bench.report.sections.rho_and_error_tables import is_pinned, rho_table
from ttq_bench.spec.trial import FULL_PRECISION

Lines = Callable[[Contents], Iterator[str]]


@dataclass(frozen=True, slots=True)
class Experiment:
    """One section: ``figures`` are the kinds in the names of figure files, in their order."""

    page: str
    title: str
    arms: tuple[str, ...]
    figures: tuple[str, ...]
    lines: Lines

    def trials(self, contents: Contents) -> pd.DataFrame:
        """Return the trials that the section is about."""
        rows = contents.tables.trials
        return rows[rows["arm"].isin(self.arms)] if self.arms else rows


def do_they_differ(contents: Contents) -> Iterator[str]:
    """Yield a table for each setting: every arm that learns two scales, controls among them."""
    yield OF_SCALES
    for (dataset, protocol), group in groupby(
        contents.asymmetries, key=lambda n: (n.arm.dataset, n.arm.protocol)
    ):
        arms_of_setting = list(group)
        yield f"**{dataset}, protocol {protocol}** (verdicts: systematic size against {MARGIN:g},"
        yield "each arm by itself)"
        yield ""
        yield from rho_table(arms_of_setting, contents.tables)
        arms = {network.arm.arm for network in arms_of_setting if is_pinned(network)}
        if "ttq-as-printed" in arms:
            yield "*Control:* with Eq. 7 as printed both scales get the same gradient where batch"
            yield "normalisation follows, so ρ stays where it began by construction: no null."
            yield ""
        if "ttq-mean-grad" in arms:
            yield "*Control:* averaged scale gradients are smaller by the number of weights. That"
            yield "ρ hardly moves then shows that its size depends on the scales' learning rate."
            yield ""


def does_it_matter(contents: Contents) -> Iterator[str]:
    """Yield TTQ against its variants, and the cost of equal scales after training."""
    yield from against_ttq(contents)
    yield from symmetrised_tables(contents)
    yield from fine_tune_spread(contents.tables)


def fine_tune_spread(tables: Tables) -> Iterator[str]:
    """Yield a paragraph for each setting in which a parent was fine-tuned more than once."""
    for network in networks(tables):
        split = fine_tune_split(tables, network, TTQ)
        if split is None:
            continue
        yield (
            f"**{network}, {TTQ[0]} {TTQ[1]}:** the test error varies by {split.between:.2f} points"
            f" between parents and by {split.within:.2f} between fine-tunes of one parent, which"
            f" differ in the order of batches and in crops (standard deviations, {split.seeds}"
            f" parents, {split.values} fine-tunes of each)."
        )
        yield ""


PAIRS = ("ttq", "ttq-as-printed", "ttq-mean-grad", "ttq-ste")
EXPERIMENTS: tuple[Experiment, ...] = (
    Experiment(
        "scales", "Do W_p and W_n become different?", PAIRS, ("asymmetry", "scales", "sign"),
        do_they_differ,
    ),
    Experiment(
        "scales", "Which scale is larger, and do counts explain it?", ("ttq", "ttq-ste"),
        ("direction",), direction,
    ),
    Experiment("effect", "Does it matter?", (), ("symmetrised",), does_it_matter),
    Experiment(
        "sparsity", "Error against the share of zeros", (TTQ[0], FULL_PRECISION, CONTROL[0]),
        ("error-sparsity",), sparsity_table,
    ),
    Experiment(
        "methods", "What every method costs", (), ("error-curves", "depth"), error_tables,
    ),
    Experiment(
        "inside", "What happens inside", (TTQ[0],), ("histograms", "kernels"), kept_movement,
    ),
)  # fmt: skip


def experiment_lines(
    page: str, contents: Contents, figures: list[ReportFigure], shown: list[ReportFigure]
) -> Iterator[str]:
    """Yield the sections of a page: tables, figures, how it was run.

    Of the figures ``shown`` in the summary there is a line that says so.
    """
    shown_here = [e for e in EXPERIMENTS if e.page == page and not e.trials(contents).empty]
    for experiment in shown_here:
        yield f"## {experiment.title}"
        yield ""
        yield from experiment.lines(contents)
        for kind in experiment.figures:
            of_kind = [figure for figure in figures if kind_of(figure) == kind]
            for figure in of_kind:
                if figure in shown:
                    yield f"*{figure.title}*: drawn in the [summary](summary.md)."
                    yield ""
            yield from figure_lines(figure for figure in of_kind if figure not in shown)
    if shown_here:
        trials = pd.concat([experiment.trials(contents) for experiment in shown_here])
        yield from how_it_was_run(trials.drop_duplicates("trial_id"), contents.planned)
