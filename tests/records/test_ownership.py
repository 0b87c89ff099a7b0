"""Only what we wrote is replaced or removed: a report among its user's files."""

import json
import os
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

from tests.record_builders import write_trial
from tests.report.drawn import write_texts
from ttq_bench.cli import main
from ttq_bench.errors import ResultsError
from ttq_bench.records.ownership import (
    FIXED,
    LIST,
    PAGES,
    check_replaceable,
    check_results_folder,
    in_list,
    listed,
)
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.report.build import build_report, csv_tables
from ttq_bench.report.contents import read_contents
from ttq_bench.report.sections.pages import PAGES as SECTIONS

COMMITTED = Path(__file__).parents[2] / "results"


def one_trial(root):
    """A results folder of the smallest report: a few figures, all tables."""
    write_trial(root, "fp-0", seed=0, errors=(21.0, 20.0))


def contents(root):
    """All files below ``root`` with their bytes and the number of their inode."""
    files = [path for path in root.rglob("*") if path.is_file()]
    return {path: (path.read_bytes(), path.stat().st_ino) for path in files}


def write_files(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"mine: {name}", encoding="utf-8")


NOTES = ("notes.txt", "summary.md", "report.html", "figures/holiday.png", "tables/accuracy.csv",
         "pages/scales.md")  # fmt: skip
STRANGE = (
    NOTES, ("notes.txt",), ("figures/plot.svg",), ("summary.md",), ("trials/first/try.txt",),
    ("plans/2026.json", "probes/a.json"), ("work/essay.docx",), ("speed.csv",),
)  # fmt: skip


@pytest.mark.parametrize("names", STRANGE)
def test_a_report_into_somebody_s_folder_is_refused_and_changes_nothing(tmp_path, capsys, names):
    write_files(tmp_path, *names)
    before = contents(tmp_path)

    assert main(["report", "--results", str(tmp_path)]) == 2

    told = capsys.readouterr().err
    assert "no results of ttq-bench; name a results folder, or an empty one" in told
    assert contents(tmp_path) == before


@pytest.mark.parametrize("names", STRANGE)
def test_measurements_into_somebody_s_folder_are_refused_before_they_begin(tmp_path, names):
    write_files(tmp_path, *names, "speed.md")
    before = contents(tmp_path)
    assert main(["speed", "P8", "--results", str(tmp_path)]) == 2
    assert contents(tmp_path) == before


@pytest.mark.parametrize("name", FIXED)
def test_a_user_s_file_where_the_report_goes_is_named_before_anything_is_written(tmp_path, name):
    one_trial(tmp_path)
    write_files(tmp_path, name)
    before = contents(tmp_path)
    with pytest.raises(ResultsError, match="was not written by ttq-bench; give it another name"):
        build_report(tmp_path)
    assert contents(tmp_path) == before


def test_a_user_s_link_to_a_file_that_is_not_here_is_not_replaced(tmp_path):
    one_trial(tmp_path)
    (tmp_path / "summary.md").symlink_to("nowhere")
    with pytest.raises(
        ResultsError, match=r"summary\.md: cannot be read .* the file that this link"
    ):
        build_report(tmp_path)
    assert (tmp_path / "summary.md").is_symlink()


def test_a_user_s_plot_under_the_name_of_a_figure_is_named_before_anything_is_written(tmp_path):
    one_trial(tmp_path)
    (tmp_path / "figures").mkdir()
    plot = "error-curves_cifar10-jpeg_short_resnet20.png"
    plt.figure().savefig(tmp_path / "figures" / plot)  # of Matplotlib, as ours are
    plt.close()
    before = contents(tmp_path)
    with pytest.raises(ResultsError, match=f"{plot}: lies where the report is to go"):
        build_report(tmp_path)
    assert contents(tmp_path) == before


def test_a_run_says_so_before_it_trains(tmp_path, capsys):
    write_files(tmp_path, "summary.md")
    words = ["run", "suites/demo.yaml", "--results", str(tmp_path), "--backend", "inprocess"]
    assert main(words) == 2
    assert "summary.md: lies where the report is to go" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["summary.md"]


MINE = ("figures/my-plot.png", "figures/claims_mine.svg", "figures/sub/a.png", "tables/mine.csv",
        "notes.md", "pages/mine.md", "pages/sub/scales.md",
        "figures/.claims.png.abcdefgh.txt", ".summary.md.swp")  # fmt: skip


@pytest.mark.slow
def test_a_user_s_own_files_in_a_results_folder_survive_reports_and_do_not_hinder_verify(
    tmp_path, capsys
):
    one_trial(tmp_path)
    write_files(tmp_path, *MINE)
    mine = {tmp_path / name: contents(tmp_path)[tmp_path / name] for name in MINE}
    for _ in range(2):
        assert main(["report", "--results", str(tmp_path), "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told == {"summary": str(tmp_path / "summary.md")}
        assert contents(tmp_path).items() >= mine.items()
    assert main(["verify", "--results", str(tmp_path)]) == 0


@pytest.mark.slow
def test_files_that_no_record_stands_behind_any_more_are_removed_unless_they_were_changed(tmp_path):
    one_trial(tmp_path)
    build_report(tmp_path)
    before = {path.name for path in (tmp_path / "figures").iterdir()}
    assert len(before) > 1
    changed = tmp_path / "figures" / min(before)
    changed.write_bytes(b"drawn by hand")
    for folder in (tmp_path / "trials").iterdir():
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
    build_report(tmp_path)
    assert list((tmp_path / "figures").iterdir()) == [changed]
    assert not [name for name in listed(tmp_path) if name.startswith("figures/")]


def test_the_list_names_every_file_of_the_report_as_sha256sum_reads_it(tmp_path):
    one_trial(tmp_path)
    build_report(tmp_path)
    folders = ("figures", "pages", "tables")
    written = {p for folder in folders for p in (tmp_path / folder).iterdir()}
    written |= {tmp_path / "summary.md", tmp_path / "report.html"}
    assert {tmp_path / name for name in listed(tmp_path)} == written
    assert os.system(f"cd {tmp_path} && sha256sum --quiet --strict -c {LIST}") == 0


@pytest.mark.slow
def test_a_report_of_a_version_that_left_no_list_is_drawn_anew(tmp_path):
    one_trial(tmp_path)
    build_report(tmp_path)
    before = set(listed(tmp_path))
    (tmp_path / LIST).unlink()
    write_files(tmp_path, "figures/asymmetry_gone.png")
    build_report(tmp_path)
    assert (tmp_path / "figures/asymmetry_gone.png").exists()  # nobody can say whose it is
    assert set(listed(tmp_path)) == before > {name for name in FIXED if name.startswith("tables/")}


def test_what_versions_without_a_list_left_in_this_repository_is_known_as_ours():
    names = [f"figures/{path.name}" for path in (COMMITTED / "figures").iterdir()]
    (COMMITTED / LIST).exists() or check_replaceable(COMMITTED, [*FIXED, *names])
    assert len(names) > 20


@pytest.mark.slow
@pytest.mark.parametrize("at", ["figures", "summary.md", "pages/trials.md", "report.html"])
def test_a_report_that_was_killed_anywhere_is_drawn_anew(tmp_path, monkeypatch, at):
    one_trial(tmp_path)

    def killed_at(path, content):
        if str(path.relative_to(tmp_path)).startswith(at):
            raise KeyboardInterrupt
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)

    with monkeypatch.context() as patched:
        patched.setattr("ttq_bench.report.build.write_atomically", killed_at)
        with pytest.raises(KeyboardInterrupt):
            write_texts(tmp_path)
    write_texts(tmp_path)


def test_the_pages_that_are_looked_for_early_are_those_of_the_report():
    assert tuple(SECTIONS) == PAGES


def test_the_tables_that_are_looked_for_early_are_those_of_the_report(tmp_path):
    tables = csv_tables(read_contents(ResultsPaths(tmp_path)))
    assert {f"tables/{name}.csv" for name in tables} <= set(FIXED)


@pytest.mark.parametrize("line", ["../x", "/etc/passwd", "trials/a/record.json", "notes.txt", "a"])
def test_a_stranger_s_list_names_no_file_that_a_report_has_not(line):
    assert in_list(f"{'0' * 64}  {line}\n".encode()) == {}
    assert in_list(b"\xff\0not a list") == {}


def results_of_a_demo(root):
    write_trial(root / "demo", "fp-0", seed=0, errors=(20.0,))


def only_hidden_files(root):
    write_files(root, ".gitkeep", ".stfolder/x", ".DS_Store")


def empty_folders(root):
    for name in ("trials", "figures"):
        (root / name).mkdir()


@pytest.mark.parametrize("make", [results_of_a_demo, only_hidden_files, empty_folders])
def test_a_folder_that_holds_nothing_else_takes_a_report(tmp_path, make):
    make(tmp_path)
    check_results_folder(tmp_path)
    build_report(tmp_path)
