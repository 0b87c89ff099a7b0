"""A report on disk against its records: each change is named, and nothing else is."""

import csv
import json
import re
import shutil

import pytest

from tests.record_builders import seal_anew, write_trial
from tests.tiny_suite import settings_for, tiny_specs
from ttq_bench.errors import ResultsError
from ttq_bench.records.foreign_files import foreign_files
from ttq_bench.records.ownership import LIST, listed, write_list
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.report.build import build_report
from ttq_bench.trial.attempt import attempt
from ttq_bench.verify.verification import verify_results


@pytest.fixture
def root(drawn, tmp_path):
    shutil.copytree(drawn, tmp_path, dirs_exist_ok=True)
    return tmp_path / "results"


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def replace(path, old, new):
    """Replace the first ``old`` in a file, which has to be there."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def change_cell(path, row, column, change):
    """Change one cell of a CSV file, in the first row that begins so; return what stood there."""
    header, *rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    place = header.index(column)
    changed = next(cells for cells in rows if cells[: len(row)] == row)
    before, changed[place] = changed[place], change(changed[place])
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([header, *rows])
    return before


def test_a_report_as_it_was_drawn_agrees_and_is_left_as_it_is(root):
    readme, before = root.parent / "README.md", contents(root.parent)
    found = verify_results(root, readme)
    assert found.differences == ()
    assert found.records == found.older == 9
    assert set(found.texts) >= {"summary.md", "README.md"}
    lines = [path.read_text().splitlines() for path in (root / "tables").glob("*.csv")]
    assert found.tables == len(lines) >= 5
    assert found.cells >= sum(len(table) - 1 for table in lines) * 5
    assert contents(root.parent) == before


@pytest.mark.slow
def test_each_change_of_a_report_is_named_and_nothing_else(root):
    readme = root.parent / "README.md"
    error = change_cell(
        root / "tables/accuracy.csv", ["ttq-1"], "final_error_percent", lambda e: e + "1"
    )
    rho = change_cell(
        root / "tables/scales.csv", ["ttq-0", "2", "0"], "rho", lambda e: f"{float(e) + 1e-4:.6g}"
    )
    change_cell(root / "tables/epochs.csv", ["fp-2", "1"], "test_loss", lambda e: "1.000001")
    (root / "tables/comparison.csv").unlink()
    (root / "tables/old.csv").write_text("a\n1\n", encoding="utf-8")
    figure = next((root / "figures").glob("asymmetry*.svg"))
    figure.unlink()
    drawing = next((root / "figures").glob("scales*.svg"))
    drawing.write_text("<svg>of another matplotlib</svg>", encoding="utf-8")
    (root / "figures/asymmetry_gone.png").write_bytes(b"x")
    (root / "figures/my-plot.png").write_bytes(b"x")  # in no list, so it belongs to its user
    stale = ("tables/old.csv", "figures/asymmetry_gone.png")
    write_list(root, listed(root) | dict.fromkeys(stale, "0" * 64))
    page = (root / "summary.md").read_text(encoding="utf-8")
    verdict = re.findall(r"\*(supported|contradicted|undecided)\*", page)[0]
    replace(root / "summary.md", f"*{verdict}*", "*reversed*")
    replace(readme, "after\n", "hereafter\n")  # outside of the block, which is not generated
    (link,) = re.findall(r"!\[.*\]\((.*)\)", readme.read_text(encoding="utf-8"))
    replace(readme, "*yes* in `short`", "*no* in `short`")
    replace(readme, f"({link})", f"({link}x)")
    found = [str(difference) for difference in verify_results(root, readme).differences]
    wrong = [line for line in found if "summary.md" not in line and "README.md" not in line]
    assert sorted(wrong) == sorted([
        f"tables/accuracy.csv: row ttq-1, column final_error_percent: '{error}1' stands there,"
        f" the records give '{error}'",
        f"tables/scales.csv: row ttq-0, 2, 0, column rho: '{float(rho) + 1e-4:.6g}' stands there,"
        f" the records give '{rho}'",
        "tables/comparison.csv: is missing",
        "tables/old.csv: should not be there",
        f"figures/{figure.name}: is missing",
        "figures/asymmetry_gone.png: should not be there",
    ])  # fmt: skip
    (word,) = [line for line in found if "summary.md" in line]
    assert "*reversed*" in word.partition(" stands there")[0]
    assert f"*{verdict}*" in word.partition(" stands there")[2]
    sentence, drawn = [line for line in found if "README.md" in line]
    assert "*no* in `short`" in sentence.partition(" stands there")[0]
    assert "*yes* in `short`" in sentence.partition(" stands there")[2]
    assert f"({link}x)" in drawn.partition(" stands there")[0]


@pytest.mark.slow
def test_a_changed_page_for_the_browser_is_named_and_one_left_out_of_the_list_is_no_fault(root):
    page = root / "report.html"
    text = page.read_text(encoding="utf-8")
    drawings = text.replace("</svg>", "<g></g></svg>")
    assert drawings != text
    before, _, after = drawings.rpartition("undecided")  # in a table: figures have words, too
    page.write_text(f"{before}contradicted{after}", encoding="utf-8")
    (line,) = verify_results(root).differences
    assert (line.file, "contradicted" in line.what) == ("report.html", True)
    page.unlink()
    (root / LIST).unlink()
    found = verify_results(root)
    assert found.differences == ()
    assert "report.html" not in found.texts


def test_pages_below_the_summary_are_compared_and_those_left_over_named(root):
    replace(root / "pages/scales.md", "0.095", "0.059")
    (root / "pages/claims.md").unlink()
    for name in ("old", "mine"):
        (root / f"pages/{name}.md").write_text("x\n", encoding="utf-8")
    write_list(root, listed(root) | {"pages/old.md": "0" * 64})
    found = {difference.file: difference.what for difference in verify_results(root).differences}
    assert found.keys() == {"pages/scales.md", "pages/claims.md", "pages/old.md"}
    assert "0.059" in found["pages/scales.md"]
    assert found["pages/claims.md"] == "is missing"
    assert found["pages/old.md"] == "should not be there"


def test_a_page_for_the_browser_that_is_listed_and_gone_is_missing(root):
    (root / "report.html").unlink()
    assert list(map(str, verify_results(root).differences)) == ["report.html: is missing"]
    (root / "report.html").mkdir()
    assert list(map(str, verify_results(root).differences)) == ["report.html: is a folder"]


def test_a_readme_without_marks_is_named_by_its_own_path(root, tmp_path):
    readme = tmp_path / "mine.md"
    readme.write_text("no marks")
    with pytest.raises(ResultsError, match=rf"^{readme}: has no place for the findings; put these"):
        verify_results(root, readme)


def test_wrong_records_are_named_and_the_report_is_not_blamed(root):
    record = root / "trials/ttq-0/record.json"
    content = json.loads(record.read_text())
    right = content["errors"]["final_percent"]
    content["errors"]["final_percent"] = 1.0
    record.write_text(json.dumps(content))
    seal_anew(record.parent)
    table = root / "trials/fp-1/epochs.parquet"
    table.write_bytes(table.read_bytes() + b"x")
    (root / "trials/on-1/record.json").write_text("{")
    found = verify_results(root)
    assert not found.records_agree
    assert [(d.file, d.place) for d in found.differences] == [
        ("trials/fp-1/epochs.parquet", ""),
        ("trials/on-1/record.json", ""),
        ("trials/ttq-0/record.json", "errors.final_percent"),
    ]
    assert found.differences[2].what == f"1.0 stands there, the records give {right}"


def test_a_record_without_its_table_is_named_and_nothing_is_made_of_it(root):
    folder = root / "trials/ttq-0"
    (folder / "scales.parquet").unlink()
    content = json.loads((folder / "record.json").read_text())
    del content["table_sha256"]["scales.parquet"]
    (folder / "record.json").write_text(json.dumps(content))
    seal_anew(folder)
    (found,) = verify_results(root).differences
    assert (found.file, found.place) == ("trials/ttq-0/record.json", "sparsity")


@pytest.mark.slow
def test_a_trial_that_is_gone_is_missing_from_the_report_that_the_records_give(root):
    shutil.rmtree(root / "trials/ttq-2")
    files = {difference.file for difference in verify_results(root).differences}
    assert {"tables/accuracy.csv", "tables/comparison.csv", "summary.md"} <= files


def test_a_missing_folder_or_readme_is_one_clear_sentence(tmp_path):
    with pytest.raises(ResultsError, match="no such folder"):
        verify_results(tmp_path / "none")
    write_trial(tmp_path, "fp-0", seed=0, errors=(30.0, 20.0))
    with pytest.raises(ResultsError, match=r"README\.md: cannot be read"):
        verify_results(tmp_path, tmp_path / "README.md")


@pytest.fixture(scope="module")
def trained_once(tmp_path_factory):
    """A results folder with one trial that was really run."""
    cache, root = tmp_path_factory.mktemp("cache"), tmp_path_factory.mktemp("trained")
    parent, *_ = tiny_specs(cache, epochs=1)
    assert attempt(parent, settings_for(root, cache), bool).outcome == "finished"
    return root


@pytest.fixture
def trained(trained_once, tmp_path):
    return shutil.copytree(trained_once, tmp_path / "results")


def changed_spec(root, **changes):
    """Return the differences after a change of the record's spec."""
    (record,) = root.glob("trials/*/record.json")
    content = json.loads(record.read_text())
    content["spec"].update(changes)
    record.write_text(json.dumps(content))
    seal_anew(record.parent)
    return verify_results(root)


def test_an_id_that_is_not_its_specs_is_named(trained):
    (difference,) = changed_spec(trained, seed=7).differences
    (name,) = [path.name for path in (trained / "trials").glob("[!.]*")]
    assert (difference.file, difference.place) == (f"trials/{name}/record.json", "trial_id")
    assert difference.what.startswith(f"'{name}' stands there, the records give 'digits-")
    assert "-s7-" in difference.what


def test_a_spec_that_is_none_of_its_version_is_named(trained):
    (difference,) = changed_spec(trained, colour="red").differences
    assert difference.place == "spec"
    assert "is not one of its version" in difference.what


@pytest.mark.slow
def test_an_older_spec_keeps_its_id_and_is_counted(trained):
    build_report(trained)
    current = verify_results(trained)
    assert (current.older, current.differences) == (0, ())
    changed = changed_spec(trained, training_version=0)
    assert (changed.older, changed.records_agree) == (1, True)


@pytest.mark.slow
def test_a_readme_in_the_results_folder_stays_as_it_is_and_is_no_difference(root):
    page = root / "README.md"
    page.write_text("# How to read this folder\n", encoding="utf-8")
    build_report(root)
    assert page.read_text(encoding="utf-8") == "# How to read this folder\n"
    assert "README.md" not in listed(root)
    assert foreign_files(ResultsPaths(root)) == []
    assert verify_results(root).differences == ()
