"""Figures as Markdown. A caption that several figures share stands under the first of them."""

from collections.abc import Iterable, Iterator

from ttq_bench.report.figures.style import ReportFigure
from ttq_bench.report.sections.markdown import escape


def kind_of(figure: ReportFigure) -> str:
    """Return the kind of a figure: what stands before the first ``_`` of its file's name."""
    return figure.name.partition("_")[0]


def figure_lines(figures: Iterable[ReportFigure]) -> Iterator[str]:
    """Yield each figure with a heading; links lead from the results folder."""
    above: set[str] = set()
    for figure in figures:
        caption = "Drawn as above." if figure.caption in above else figure.caption
        above.add(figure.caption)
        yield f"### {figure.title}"
        yield ""
        yield f"![{escape(figure.title)}](figures/{figure.name}.png)"
        yield ""
        yield f"{caption} ([SVG](figures/{figure.name}.svg))"
        yield ""
