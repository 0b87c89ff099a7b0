"""Table ``PAGES``: the pages below ``pages/`` that hold all that the summary leaves out.

Lines are written with links that lead from the results folder; ``page_file`` turns them for a file
in ``pages/``. To add a page: add an entry and its name to ``records/ownership.py``.
"""

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from ttq_bench.records.ownership import PAGE_MARK
from ttq_bench.report.contents import Contents
from ttq_bench.report.figures.style import ReportFigure
from ttq_bench.report.sections.alarms import problems
from ttq_bench.report.sections.by_setting import by_setting
from ttq_bench.report.sections.claims_table import claims_table, other_evidence, records_behind
from ttq_bench.report.sections.deviations import deviations_section
from ttq_bench.report.sections.experiments import experiment_lines
from ttq_bench.report.sections.figure_lines import figure_lines, kind_of
from ttq_bench.report.sections.how_to_read import HOW_TO_READ, OF_CLAIMS
from ttq_bench.report.sections.layer_tables import layer_tables
from ttq_bench.report.sections.margins import margins_section
from ttq_bench.report.sections.markdown import anchor
from ttq_bench.report.sections.provenance import provenance, trial_table
from ttq_bench.report.sections.selfchecks import self_checks

FOLDER = "pages"
HEADING = re.compile(r"^(?=#{1,5} )", re.MULTILINE)
PAGE_LINK = re.compile(r"(?<!\\)\]\((?:pages/([\w-]+)|summary)\.md(#[\w-]+)?\)")
LINK = re.compile(r"(?<!\\)\]\((?!#|\w+:)([^)\s]+)\)")


@dataclass(frozen=True, slots=True)
class Drawn:
    """The figures of a report, and those of them that the summary shows."""

    all: list[ReportFigure]
    in_summary: list[ReportFigure]


Lines = Callable[[Contents, Drawn], Iterator[str]]


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its title, what the summary says of it, and its lines (none: it is not written)."""

    title: str
    holds: str
    lines: Lines


def _experiments(page: str, *more: Callable[[Contents], Iterator[str]]) -> Lines:
    """Return the lines of the experiments of a page, and below them what else belongs there."""

    def lines(contents: Contents, drawn: Drawn) -> Iterator[str]:
        yield from experiment_lines(page, contents, drawn.all, drawn.in_summary)
        for section in more:
            yield from section(contents)

    return lines


def _claims(contents: Contents, drawn: Drawn) -> Iterator[str]:
    yield "## Setting by setting"
    yield ""
    yield from by_setting(contents)
    yield "## The best evidence on each claim"
    yield ""
    yield OF_CLAIMS
    yield from claims_table(contents.ledger, contents.tables)
    left = [figure for figure in drawn.all if figure not in drawn.in_summary]
    yield from figure_lines(figure for figure in left if kind_of(figure) == "claims")
    yield from other_evidence(contents.evidence, contents.ledger)


def _trials(contents: Contents, _: Drawn) -> Iterator[str]:
    yield from problems(contents.tables, contents.planned)
    yield from records_behind(contents.ledger)
    yield from trial_table(contents.tables.recorded)


def _how_to_read(*_: object) -> Iterator[str]:
    yield HOW_TO_READ


def _provenance(contents: Contents, _: Drawn) -> Iterator[str]:
    yield from provenance(contents.tables)
    yield from margins_section(contents.evidence, contents.tables)
    yield from deviations_section()


PAGES: Mapping[str, Page] = {
    "scales": Page(
        "The scales", "how far apart they are, which is larger, layer by layer",
        _experiments("scales", layer_tables),
    ),
    "effect": Page(
        "The effect of two scales", "one scale or equal scales instead of two",
        _experiments("effect"),
    ),
    "sparsity": Page(
        "Sparsity", "the error against the share of zeros", _experiments("sparsity"),
    ),
    "methods": Page(
        "The methods", "what every method costs, and how each arm was trained",
        _experiments("methods"),
    ),
    "inside": Page(
        "Inside the networks", "weights, kernels, movement, self-checks of the gradients",
        _experiments("inside", lambda contents: self_checks(contents.tables)),
    ),
    "claims": Page(
        "Every claim", "every claim with all evidence, margins and what would decide it", _claims,
    ),
    "trials": Page(
        "Every trial", "each with its record, those behind each claim, those that need a look",
        _trials,
    ),
    "how-to-read": Page(
        "How to read these pages", "how verdicts and intervals come about", _how_to_read,
    ),
    "provenance": Page(
        "Where the numbers come from",
        "machines, commits, when margins were fixed, deviations from the paper", _provenance,
    ),
}  # fmt: skip


def detail_pages(contents: Contents, drawn: Drawn) -> dict[str, str]:
    """Return the text of each page that has content, by its name; links lead from the results."""
    if contents.tables.trials.empty:
        return {}
    pages = {}
    for name, page in PAGES.items():
        lines = list(page.lines(contents, drawn))
        if lines:
            pages[name] = "\n".join([f"# {page.title}", "", *lines])
    return pages


def page_file(text: str) -> str:
    """Return a page as its file has it: marked as ours, with links that lead from its folder."""
    title, _, rest = text.partition("\n")
    back = "Back to the [summary](summary.md)."
    linked = LINK.sub(lambda link: f"]({posixpath.relpath(link[1], FOLDER)})", f"{back}\n{rest}")
    return f"{PAGE_MARK}\n{title}\n\n{linked}"


def whole_text(summary: str, pages: Mapping[str, str]) -> str:
    """Return ``summary`` and below it each of the ``pages``, by name, a level deeper.

    Links to pages lead to places in this text. Raises KeyError for one to a page that is not there.
    """
    titles = {name: _title(text) for name, text in pages.items()} | {None: _title(summary)}
    parts = [summary, *(HEADING.sub("#", text) for text in pages.values())]

    def place(link: re.Match[str]) -> str:
        return f"]({link[2] or '#' + anchor(titles[link[1]])})"

    return PAGE_LINK.sub(place, "\n".join(parts))


def _title(text: str) -> str:
    return text.partition("\n")[0].lstrip("# ")
