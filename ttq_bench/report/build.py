"""The whole report of a results folder: tables, figures, summary, pages, all for a browser.

It replaces and removes only files of an earlier report (``records/ownership.py``).
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from ttq_bench.analysis.accuracy_rows import IN_NO_FILE
from ttq_bench.analysis.asymmetry import asymmetry_table
from ttq_bench.analysis.comparison import comparison_table
from ttq_bench.errors import ResultsError, unwritable
from ttq_bench.files import read_text, write_atomically
from ttq_bench.foreign_folders import look_over
from ttq_bench.records.ownership import (
    TEXTS,
    check_replaceable,
    check_results_folder,
    listed,
    remove_stale,
    write_list,
)
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.seal import digests
from ttq_bench.report.contents import Contents, read_contents
from ttq_bench.report.figures.catalog import all_figures
from ttq_bench.report.figures.style import ReportFigure, figure_style, picture_files
from ttq_bench.report.page.html_page import html_page
from ttq_bench.report.sections.claims_table import evidence_table
from ttq_bench.report.sections.pages import Drawn, detail_pages, page_file, whole_text
from ttq_bench.report.sections.readme import BEGIN, END, check_marks, findings_block
from ttq_bench.report.sections.summary import main_figures, summary_page
from ttq_bench.text import no_formula, printable, replace_between

EMPTY_SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><g>left out</g></svg>'
ON_THE_PAGE = ("claims", "accuracy", "comparison", "asymmetry")


def build_report(root: Path, readme: Path | None = None) -> Path:
    """Write the report of the records in ``root`` and return the path of ``summary.md``.

    With ``readme``, the generated block in that file is refreshed too; its links lead to ``root``,
    and are left out where ``root`` lies elsewhere. Raises ``ResultsError``, before anything is
    written, for a folder that holds something else than results, for files in it that no report
    wrote, and for a ``readme`` without the block's marks.
    """
    if not root.is_dir():
        raise ResultsError(f"{root}: no such folder; name one with --results")
    look_over(root)
    check_results_folder(root)
    check_replaceable(root)
    readme_text = ""
    if readme is not None:
        readme_text = read_text(readme)
        check_marks(readme_text, readme)
    contents = read_contents(ResultsPaths(root))
    figures = write_report(contents, ResultsPaths(root))
    if readme is not None:
        block = readme_block(contents, figures, root, readme.parent)
        _refresh(readme, replace_between(readme_text, BEGIN, END, block))
    return ResultsPaths(root).summary


def readme_block(
    contents: Contents, figures: Iterable[ReportFigure], root: Path, start: Path
) -> str:
    """Return the generated block of a README in the folder ``start`` about the results ``root``."""
    root, start = root.resolve(), start.resolve()
    folder = root.relative_to(start).as_posix() if root.is_relative_to(start) else None
    return findings_block(contents, [figure.name for figure in figures], folder)


def _refresh(readme: Path, text: str) -> None:
    try:
        write_atomically(readme, text.encode())
    except OSError as error:
        raise ResultsError(
            f"{readme}: cannot be written ({error.strerror}); leave out --readme, or name a file"
            " that can"
        ) from error


def write_report(
    contents: Contents, out: ResultsPaths, *, pictures: bool = True
) -> list[ReportFigure]:
    """Write tables, figures, summary and pages into ``out`` and return the figures.

    Without ``pictures`` nothing is drawn: the files of figures hold none. Raises ``ResultsError``
    where files are in the way that no report wrote, and where nothing can be written.
    """
    try:
        return _write(contents, out, pictures=pictures)
    except OSError as error:
        raise unwritable(out.root, error) from error


def _write(contents: Contents, out: ResultsPaths, *, pictures: bool) -> list[ReportFigure]:
    tables = {name: _with_texts(table, printable) for name, table in csv_tables(contents).items()}
    written = {f"tables/{name}.csv": _csv(table) for name, table in tables.items()}
    figures = all_figures(contents)
    written |= _drawn(figures) if pictures else _not_drawn(figures)
    check_replaceable(out.root, written)
    before = listed(out.root)
    # Listed before they are written: one that is killed in between may be replaced all the same.
    write_list(out.root, before | dict.fromkeys(TEXTS, "0" * 64) | digests(written))
    for name, content in written.items():
        write_atomically(out.root / name, content)
    texts = _texts(contents, figures, out.root, {name: tables[name] for name in ON_THE_PAGE})
    for name, content in texts.items():
        write_atomically(out.root / name, content)
    remove_stale(out.root, before, written.keys() | texts.keys())
    write_list(out.root, digests(written | texts))
    return figures


def _texts(
    contents: Contents,
    figures: list[ReportFigure],
    root: Path,
    tables: Mapping[str, pd.DataFrame],
) -> dict[str, bytes]:
    """Return the summary, the pages below it, and all of them as one page for a browser."""
    main = main_figures(contents, figures)
    pages = detail_pages(contents, Drawn(figures, main))
    summary = summary_page(contents, main, pages)
    whole = html_page(whole_text(summary, pages), root, tables)
    files = {f"pages/{name}.md": page_file(text) for name, text in pages.items()}
    texts = {"summary.md": summary, **files, "report.html": whole}
    return {name: text.encode() for name, text in texts.items()}


def _csv(table: pd.DataFrame) -> bytes:
    return _with_texts(table, no_formula).to_csv(index=False, float_format="%.6g").encode()


def _drawn(figures: Iterable[ReportFigure]) -> dict[str, bytes]:
    with figure_style():
        return {
            f"figures/{file}": content
            for figure in figures
            for file, content in picture_files(figure.draw(), figure.name).items()
        }


def _not_drawn(figures: Iterable[ReportFigure]) -> dict[str, bytes]:
    contents = {".png": b"", ".svg": EMPTY_SVG}
    return {f"figures/{f.name}{end}": content for f in figures for end, content in contents.items()}


def _with_texts(table: pd.DataFrame, change: Callable[[str], str]) -> pd.DataFrame:
    """Return the table with its texts changed; one that stands in many cells is changed once."""
    changed: dict[str, pd.Series[Any]] = {}
    for name in table.select_dtypes(exclude=["number", "bool"]):
        texts = {text: change(text) for text in table[name].unique() if isinstance(text, str)}
        if any(text != after for text, after in texts.items()):
            changed[str(name)] = table[name].map(lambda cell, texts=texts: texts.get(cell, cell))
    return table.assign(**changed)


def csv_tables(contents: Contents) -> dict[str, pd.DataFrame]:
    """Return the tables by the names of their files."""
    return {
        "claims": evidence_table(contents.evidence, contents.ledger),
        "accuracy": contents.tables.recorded.drop(columns=[*IN_NO_FILE], errors="ignore"),
        "comparison": comparison_table(contents.results),
        "scales": contents.tables.final_scales,
        "asymmetry": asymmetry_table(contents.asymmetries),
        "epochs": contents.tables.epochs,
    }
