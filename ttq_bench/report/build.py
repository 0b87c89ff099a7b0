"""The whole report of a results folder: tables, figures, summary."""

from pathlib import Path

import pandas as pd

from ttq_bench.analysis.asymmetry import asymmetry, asymmetry_table
from ttq_bench.analysis.comparison import compare_arms, comparison_table
from ttq_bench.analysis.tables import Tables, load_tables
from ttq_bench.errors import ResultsError
from ttq_bench.files import write_atomically
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.plans import read_planned
from ttq_bench.report.figures import draw_figures
from ttq_bench.report.readme import findings_block, replace_block
from ttq_bench.report.summary import summary_page


def build_report(root: Path, readme: Path | None = None) -> Path:
    """Write the report of the records in ``root`` and return the path of ``summary.md``.

    With ``readme``, the generated block in that file is refreshed too.
    """
    results = ResultsPaths(root)
    if not root.is_dir():
        raise ResultsError(f"{root}: no such folder; name one with --results")
    tables = load_tables(results)
    arms, networks = compare_arms(tables), asymmetry(tables)
    try:
        figures = draw_figures(tables, root / "figures")
        _remove_stale(root / "figures", {f.path.stem for f in figures})
        for name, table in _csv_tables(tables, comparison_table(arms), asymmetry_table(networks)):
            text = table.to_csv(index=False, float_format="%.6g")
            write_atomically(root / "tables" / f"{name}.csv", text.encode())
        page = summary_page(
            results.summary,
            tables,
            planned=read_planned(results),
            results=arms,
            networks=networks,
            figures=figures,
        )
        write_atomically(results.summary, page.encode())
        if readme is not None:
            text = replace_block(readme.read_text(encoding="utf-8"), findings_block(arms, networks))
            write_atomically(readme, text.encode())
    except OSError as error:
        raise ResultsError(f"{error.filename}: cannot be written ({error.strerror})") from error
    return results.summary


def _remove_stale(folder: Path, current: set[str]) -> None:
    """Delete figures that no record stands behind any more."""
    for path in folder.glob("*.*"):
        if path.stem not in current and path.suffix in (".png", ".svg"):
            path.unlink()


def _csv_tables(
    tables: Tables, comparison: pd.DataFrame, asymmetries: pd.DataFrame
) -> list[tuple[str, pd.DataFrame]]:
    return [
        ("accuracy", tables.trials),
        ("comparison", comparison),
        ("scales", tables.final_scales()),
        ("asymmetry", asymmetries),
        ("epochs", tables.epochs),
    ]
