"""Table ``EXPERIMENTS``: the sections of the summary, one for each question.

Each has the arms it is about (none: all), the figures that show it, and a function that writes its
tables. To add one: add an entry, and a function of the contents that yields lines.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby

import pandas as pd

from ttq_bench.analysis.asymmetry import MARGIN
from ttq_bench.analysis.gains import CONTROL, TTQ
from ttq_bench.analysis.trial_rows import FULL_PRECISION
from ttq_bench.report.contents import Contents
from ttq_bench.report.experiment_tables import (
    against_ttq,
    counts,
    error_tables,
    kept_movement,
    sparsity_table,
    symmetrised_tables,
)
from ttq_bench.report.findings import asymmetry_sentence
from ttq_bench.report.provenance_section import how_it_was_run
from ttq_bench.report.style import SavedFigure

Lines = Callable[[Contents], Iterator[str]]


@dataclass(frozen=True, slots=True)
class Experiment:
    """One section: ``figures`` are the kinds in the names of figure files, in their order."""

    title: str
    arms: tuple[str, ...]
    figures: tuple[str, ...]
    lines: Lines

    def trials(self, contents: Contents) -> pd.DataFrame:
        """Return the trials that the section is about."""
        rows = contents.tables.trials
        return rows[rows["arm"].isin(self.arms)] if self.arms else rows


def do_they_differ(contents: Contents) -> Iterator[str]:
    """Yield one sentence for each arm that learns two scales, network by network."""
    for (dataset, protocol), group in groupby(
        contents.asymmetries, key=lambda n: (n.arm.dataset, n.arm.protocol)
    ):
        yield f"**{dataset}, protocol {protocol}** (verdicts: mean |ρ| against {MARGIN:g})"
        yield ""
        yield from map(asymmetry_sentence, group)
        yield ""


def does_it_matter(contents: Contents) -> Iterator[str]:
    """Yield TTQ against its variants, and the cost of equal scales after training."""
    yield from against_ttq(contents)
    yield from symmetrised_tables(contents)


PAIRS = ("ttq", "ttq-as-printed", "ttq-mean-grad", "ttq-ste")
EXPERIMENTS: tuple[Experiment, ...] = (
    Experiment(
        "1. Do W_p and W_n become different?", PAIRS,
        ("asymmetry", "scales", "sign"), do_they_differ,
    ),
    Experiment(
        "2. Does it matter?", (), ("symmetrised",), does_it_matter,
    ),
    Experiment(
        "3. Do unequal scales go against unequal counts?", PAIRS, (), counts,
    ),
    Experiment(
        "4. Error against sparsity", (TTQ[0], FULL_PRECISION, CONTROL[0]),
        ("error-sparsity",), sparsity_table,
    ),
    Experiment(
        "5. What every method costs", (), ("error-curves", "depth"),
        error_tables,
    ),
    Experiment(
        "6. What happens inside", (TTQ[0],), ("histograms", "kernels"), kept_movement,
    ),
)  # fmt: skip


def experiment_lines(
    contents: Contents, figures: list[SavedFigure], figure_lines: Callable[[SavedFigure], list[str]]
) -> Iterator[str]:
    """Yield every section: tables, figures, how it was run, caveats."""
    for experiment in EXPERIMENTS:
        trials = experiment.trials(contents)
        if trials.empty:
            continue
        yield f"## {experiment.title}"
        yield ""
        yield from experiment.lines(contents)
        for kind in experiment.figures:
            for figure in figures:
                if figure.path.stem.split("_")[0] == kind:
                    yield from figure_lines(figure)
        yield from how_it_was_run(trials, contents.planned)
