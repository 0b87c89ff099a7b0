"""Figures as Markdown. A caption that several figures share stands under the first of them."""

from collections.abc import Iterable, Iterator

from ttq_bench.report.figures.style import SavedFigure
from ttq_bench.report.sections.markdown import escape


def kind_of(figure: SavedFigure) -> str:
    """Return the kind of a figure: what stands before the first ``_`` of its file's name."""
    return figure.path.stem.partition("_")[0]


def figure_lines(figures: Iterable[SavedFigure]) -> Iterator[str]:
    """Yield each figure with a heading; links lead from the results folder."""
    above: set[str] = set()
    for figure in figures:
        caption = "Drawn as above." if figure.caption in above else figure.caption
        above.add(figure.caption)
        yield f"### {figure.title}"
        yield ""
        yield f"![{escape(figure.title)}](figures/{figure.path.name})"
        yield ""
        yield f"{caption} ([SVG](figures/{figure.path.stem}.svg))"
        yield ""
