"""``summary.md``: what was asked, what was found, how sure, on what evidence, in short."""

from collections.abc import Collection, Iterator
from itertools import groupby

from ttq_bench.report.contents import Contents
from ttq_bench.report.figures.style import ReportFigure
from ttq_bench.report.sections.alarms import alarm_lines, left_out_lines, not_finished, problems
from ttq_bench.report.sections.figure_lines import figure_lines, kind_of
from ttq_bench.report.sections.how_to_read import MISSES, OF_ERRORS
from ttq_bench.report.sections.main_claims import main_claims
from ttq_bench.report.sections.pages import PAGES
from ttq_bench.report.sections.provenance import caveats, what_was_run
from ttq_bench.report.sections.rho_and_error_tables import error_table
from ttq_bench.report.sections.settings import asymmetry_figure, settings_of
from ttq_bench.report.sections.short_answer import QUESTION, short_answer
from ttq_bench.text import duration

TITLE = "# Trained Ternary Quantization: what the records say"
TRUST = f"""\
- A verdict follows from its interval, except where a rule, or a second reading of the same
  records, makes it *undecided*. That intervals of means cover what they say for normal noise, and
  that a judge errs in at most 5 % of cases, is shown by simulation
  (`tests/analysis/test_coverage.py`, `test_coverage_of_layers.py`). Answer 1 rests on an interval
  by the jackknife, {MISSES}; so
  its verdict needs the plain interval of the raw size, too.
- When each margin was fixed, before or after its runs, and how this differs from the paper, is
  declared: [where the numbers come from](pages/provenance.md).
- `ttq-bench verify --results FOLDER` computes every number in texts and tables anew from the
  records.
"""


def summary_page(contents: Contents, figures: list[ReportFigure], pages: Collection[str]) -> str:
    """Return the text of the summary; ``figures`` are those it shows, ``pages`` those written."""
    tables = contents.tables
    lines = [TITLE, ""]
    if tables.trials.empty:
        lines += ["There are no finished trials here yet.", "", *left_out_lines(tables)]
        return "\n".join([*lines, *problems(tables, contents.planned)])
    about_paper = has_evidence(contents)
    lines += [QUESTION, "", *short_answer(contents)] if about_paper else []
    lines += alarm_lines(contents)
    lines += [f"**Read with this in mind.** {' '.join(caveats(tables))}", ""]
    lines += [] if about_paper else _arms(contents)
    lines += figure_lines(figures)
    if about_paper:
        lines += ["## The claims that matter", "", *main_claims(contents.ledger)]
    lines += [*what_was_run(contents), *_counts(contents)]
    lines += ["## How far to trust it", "", TRUST]
    lines += ["## More", "", *(_link(name) for name in PAGES if name in pages)]
    lines += ["- [report.html](report.html): all of it on one page", ""]
    return "\n".join(lines)


def has_evidence(contents: Contents) -> bool:
    """Return whether any claim has evidence of training: a user's own arms may have none."""
    return any(row.measured and not row.is_counted for row in contents.evidence)


def main_figures(contents: Contents, figures: list[ReportFigure]) -> list[ReportFigure]:
    """Return the figures that carry the answer: the scales of the best setting, and the claims.

    Without evidence on a claim: the errors over the epochs of the first network.
    """
    if not has_evidence(contents):
        return [figure for figure in figures if kind_of(figure) == "error-curves"][:1]
    found = asymmetry_figure(settings_of(contents.evidence), [figure.name for figure in figures])
    scales = [figure for figure in figures if found and figure.name == found[1]]
    return scales + [figure for figure in figures if kind_of(figure) == "claims"]


def _arms(contents: Contents) -> Iterator[str]:
    """Yield the errors of all arms, setting by setting."""
    yield "## What the arms of this suite reach"
    yield ""
    yield OF_ERRORS
    for (dataset, protocol), group in groupby(
        contents.results, key=lambda result: (result.arm.dataset, result.arm.protocol)
    ):
        yield f"**{dataset}, protocol {protocol}**"
        yield ""
        yield from error_table(list(group))


def _counts(contents: Contents) -> list[str]:
    trials, counts = contents.tables.recorded, not_finished(contents)
    finished = len(trials) - counts["diverged"]
    others = ", ".join(f"{count} {name}" for name, count in counts.items())
    hours = duration(float(trials["training_seconds"].sum()))
    return [f"{finished} trials finished, {others}; {hours} of training in all.", ""]


def _link(name: str) -> str:
    return f"- [{PAGES[name].title}](pages/{name}.md): {PAGES[name].holds}"
