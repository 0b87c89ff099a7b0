"""Everything in a results folder that follows from its records, computed again and compared."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ttq_bench.analysis.recorded import check_record
from ttq_bench.analysis.recorded_tables import checked_table
from ttq_bench.analysis.tables import load_tables
from ttq_bench.errors import ResultsError
from ttq_bench.files import read_text
from ttq_bench.foreign_folders import look_over
from ttq_bench.records.consistency import Difference, record_differences, unequal
from ttq_bench.records.network_check import network_differences
from ttq_bench.records.other_versions import is_current
from ttq_bench.records.ownership import LIST, check_results_folder, listed
from ttq_bench.records.paths import ResultsPaths, TrialPaths
from ttq_bench.records.plans import read_planned
from ttq_bench.records.schema import TrialRecord
from ttq_bench.records.store import read_record, record_files
from ttq_bench.report.build import readme_block, write_report
from ttq_bench.report.contents import Contents
from ttq_bench.report.sections.readme import BEGIN, END, check_marks
from ttq_bench.spec.trial import SPEC_VERSION
from ttq_bench.ternary.methods import METHODS
from ttq_bench.text import replace_between
from ttq_bench.verify.diff import read_csv, table_differences, text_differences

FIGURES = (".png", ".svg")


@dataclass(frozen=True, slots=True)
class Verification:
    """What was compared, and each difference.

    ``older`` counts the records of other versions, whose ids this version cannot compute. ``cells``
    are those of the CSV ``tables``, ``texts`` the names of the other files. If a record is wrong,
    the report is not compared.
    """

    records: int
    older: int
    tables: int
    cells: int
    texts: tuple[str, ...]
    differences: tuple[Difference, ...]

    @property
    def records_agree(self) -> bool:
        """Whether all records agree with their own tables."""
        return not any(
            difference.file.startswith(("trials/", "networks/")) for difference in self.differences
        )


def verify_results(root: Path, readme: Path | None = None) -> Verification:
    """Compare the records of ``root`` with their tables, its report and the block in ``readme``.

    Figures have to exist, and are not compared: they depend on the version of matplotlib. Raises
    ``ResultsError`` for what cannot be read. Nothing in the folder is changed.
    """
    results = ResultsPaths(root)
    if not root.is_dir():
        raise ResultsError(f"{root}: no such folder; name one with --results")
    look_over(root)
    if readme:
        check_marks(read_text(readme), readme)
    check_results_folder(root)
    records, wrong = _read(results)
    counts = len(records) + len(wrong), sum(not _can_name(record) for record in records)
    tables = None
    if not wrong:
        with contextlib.suppress(ResultsError):  # ``_of_record`` names each table that is wrong
            tables = load_tables(results, records)
    for record in records:
        wrong += _of_record(results, record, readable=tables is not None and is_current(record))
    if wrong:
        by_file = sorted(wrong, key=lambda difference: difference.file)
        return Verification(*counts, 0, 0, (), tuple(by_file))
    if tables is None:
        tables = load_tables(results, records)  # raises: no table of a record is wrong
    contents = Contents(tables, read_planned(results))
    with tempfile.TemporaryDirectory() as folder:
        expected = Path(folder) / "results"
        expected.mkdir()
        # report.html has links to the folders of trials that exist.
        (expected / "trials").symlink_to(results.trials.resolve())
        figures = write_report(contents, ResultsPaths(expected), pictures=False)
        block = readme_block(contents, figures, root, readme.parent) if readme else ""
        return _compared(root, expected, readme, block, counts)


def _read(results: ResultsPaths) -> tuple[list[TrialRecord], list[Difference]]:
    """Return the records that can be read, and what is wrong with the others."""
    records, wrong = [], []
    for path in record_files(results):
        try:
            record = read_record(path)
            check_record(results, record)
        except ResultsError as error:
            name = path.relative_to(results.root).as_posix()
            wrong.append(Difference(name, "", str(error).removeprefix(f"{path}: ")))
        else:
            records.append(record)
    return records, wrong


def _of_record(
    results: ResultsPaths, record: TrialRecord, *, readable: bool
) -> Iterator[Difference]:
    """Yield the differences inside of one record; ``readable`` says that its tables were read."""
    paths = results.trial(record.trial_id)
    differences = [] if readable else list(_unfit_tables(paths, record))
    if not differences:
        differences = record_differences(paths, record, per_channel=_per_channel(record.spec))
    differences = [*_of_spec(record), *differences]
    yield from differences
    if not differences and _can_name(record):
        yield from network_differences(paths, record)


def _of_spec(record: TrialRecord) -> Iterator[Difference]:
    if _can_name(record):
        file = f"trials/{record.trial_id}/record.json"
        try:
            own_id = record.trial_spec.trial_id
        except ValueError as error:
            reason = str(error).splitlines()[0]
            yield Difference(file, "spec", f"is not one of its version ({reason})")
        else:
            if own_id != record.trial_id:
                yield unequal(file, "trial_id", record.trial_id, own_id)


def _unfit_tables(paths: TrialPaths, record: TrialRecord) -> Iterator[Difference]:
    for name in record.table_sha256:
        try:
            checked_table(paths, name)
        except ResultsError as error:
            reason = str(error).removeprefix(f"{paths.folder / name}: ")
            yield Difference(f"trials/{paths.trial_id}/{name}", "", reason)


def _can_name(record: TrialRecord) -> bool:
    """Return whether this version can compute the trial id of the record."""
    return is_current(record) and record.spec.get("schema_version") == SPEC_VERSION


def _per_channel(spec: dict[str, Any]) -> bool:
    """Return whether the recorded scales are means over channels; assumed of unknown methods."""
    quantization = spec.get("quantization") or {}
    granularity = (quantization.get("conversion") or {}).get("granularity", "published")
    method = METHODS.get(str(quantization.get("method")))
    if granularity != "published":
        return bool(granularity == "channel")
    return method is None or method.granularity == "channel"


def _compared(
    root: Path, given: Path, readme: Path | None, block: str, counts: tuple[int, int]
) -> Verification:
    """Compare the report in ``root`` with that in ``given``, and the block in README."""
    expected = {p.relative_to(given).as_posix(): p for p in given.rglob("*") if p.is_file()}
    expected = {n: p for n, p in expected.items() if n != LIST and not n.startswith("trials/")}
    own = listed(root)
    differences, texts, tables = _left_over(root, set(expected)), [], []
    for name, path in sorted(expected.items()):
        if not (root / name).is_file():
            # Without a list of files, report.html may be missing: the other files have its content.
            if path.suffix != ".html" or name in own or os.path.lexists(root / name):
                what = "is a folder" if (root / name).is_dir() else "is missing"
                differences.append(Difference(name, "", what))
        elif path.suffix == ".csv":
            text = read_text(path)
            tables.append(read_csv(text))
            differences += table_differences(name, read_text(root / name), text)
        elif path.suffix not in FIGURES:
            texts.append(name)
            differences += text_differences(name, read_text(root / name), read_text(path))
    if readme:
        text = read_text(readme)
        texts.append(readme.name)
        expected_text = replace_between(text, BEGIN, END, block)
        differences += text_differences(readme.name, text, expected_text)
    cells = sum(len(row) for _, *rows in filter(None, tables) for row in rows)
    return Verification(*counts, len(tables), cells, tuple(texts), tuple(differences))


def _left_over(root: Path, expected: set[str]) -> list[Difference]:
    """Return the files of an earlier report that this one does not have.

    These are files in the list of the report. Older versions wrote no list; then they are all files
    in the folders of the report.
    """
    folders = ("figures", "pages", "tables")
    paths = [p for folder in folders for p in sorted((root / folder).glob("[!.]*"))]
    names = [path.relative_to(root).as_posix() for path in paths]
    own = listed(root) or names
    names = [name for name in names if name in own and name not in expected]
    return [Difference(name, "", "should not be there") for name in names]
