"""The whole report from written records."""

import json
import re
import subprocess
import sys
from dataclasses import replace

import matplotlib.pyplot as plt
import pytest

from tests.faults.test_f15_surroundings import in_namespace
from tests.record_builders import tables_of, write_grid, write_trial
from tests.report.drawn import write_texts
from tests.tiny_suite import COMMAND
from ttq_bench.errors import ResultsError
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.plans import PlannedSuite, write_planned
from ttq_bench.records.schema import Alarm
from ttq_bench.records.store import write_failure
from ttq_bench.report.build import build_report
from ttq_bench.report.contents import Contents, read_contents
from ttq_bench.report.figures.catalog import all_figures
from ttq_bench.report.figures.style import figure_style
from ttq_bench.report.sections.alarms import alarm_lines, problems
from ttq_bench.report.sections.experiment_tables import error_tables
from ttq_bench.report.sections.markdown import anchor
from ttq_bench.report.sections.readme import BEGIN, END


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    root = tmp_path_factory.mktemp("results")
    write_grid(root)
    write_trial(root, "fp-9", seed=9, errors=(50.0, 60.0), outcome="diverged")
    results = ResultsPaths(root)
    write_failure(results.trial("broken-1"), "disk | full", "Traceback", {})
    planned = PlannedSuite("cifar", "quick", "CIFAR", ("fp-0", "broken-1", "never-ran"))
    write_planned(results, planned)
    write_planned(results, replace(planned, profile="more"))  # shares its trials
    return write_texts(root), root


def page_of(root, name):
    return (root / "pages" / f"{name}.md").read_text(encoding="utf-8")


def texts_of(root):
    """Return the summary and every page by its path below the results folder."""
    paths = [root / "summary.md", *sorted((root / "pages").iterdir())]
    return {path.relative_to(root): path.read_text(encoding="utf-8") for path in paths}


def test_first_lines_name_the_data_and_say_it_is_not_the_published_one(report):
    page, _ = report
    first_screen = page[: page.index("| claim | verdict |")]
    assert "**Read with this in mind.** cifar10-jpeg: " in first_screen
    assert "not the published bytes" in first_screen
    assert "Protocol short is not the paper's: 2 + 2 epochs." in first_screen


def test_the_summary_begins_with_question_answer_and_claims(report):
    page, _ = report
    question, answer, claims, rest = (
        page.index(s)
        for s in (
            "W_p and W_n",
            "1. **Do the two scales become different?** ",
            "| claim | verdict |",
            "## What was run",
        )
    )
    assert question < answer < claims < rest


def test_pages_state_cost_and_asymmetry_with_interval_and_n(report):
    _, root = report
    row = "| cifar10-jpeg: resnet20, TTQ max_fraction(0.05) | 2 + 2 | 3 |"
    (errors,) = [x for x in page_of(root, "methods").splitlines() if x.startswith(row)]
    assert "| +2.10 [+1.85, +2.35] | 25.0 | 1.0 |" in errors  # cost, zeros, codes flipped
    lines = page_of(root, "scales").splitlines()
    (scales,) = [x for x in lines if x.startswith("| resnet20, TTQ max_fraction")]
    assert scales.startswith("| resnet20, TTQ max_fraction(0.05) | 3 | 25.0 | 0.095 [")
    assert scales.endswith("| supported |")


def test_failed_diverged_and_missing_trials_are_counted_in_the_summary_and_shown(report):
    page, root = report
    assert "9 trials finished, 1 diverged, 1 failed, 1 missing" in page
    first_screen = page[: page.index("| claim | verdict |")]
    assert "**Alarm.** 1 diverged; 1 failed; 1 missing: see [trials that need a" in first_screen
    trials = page_of(root, "trials")
    assert "| fp-9 | diverged" in trials
    assert "| broken-1 | failed: disk \\| full |" in trials
    assert "| never-ran | missing" in trials


def test_every_link_of_every_page_leads_to_a_file_or_a_heading(report):
    _, root = report
    texts = texts_of(root)
    assert len(texts) > 8
    headings = {
        (root / name).resolve(): {
            anchor(line.lstrip("# ")) for line in text.splitlines() if line.startswith("#")
        }
        for name, text in texts.items()
    }
    count = 0
    for name, text in texts.items():
        for link in re.findall(r"\]\(([^)]+)\)", text):
            path, _, place = link.partition("#")
            target = (root / name.parent / path).resolve() if path else (root / name).resolve()
            assert target.is_file(), f"{name}: {link}"
            assert not place or place in headings[target], f"{name}: {link}"
            count += 1
    assert count > 60


def test_the_summary_links_every_page_and_each_page_the_summary(report):
    page, root = report
    for name, text in texts_of(root).items():
        if name.parent.name == "pages":
            assert f"]({name})" in page
            assert "](../summary.md)" in text.split("## ")[0]


def test_every_figure_is_there_as_png_and_svg_and_has_words(report):
    _, root = report
    kinds, linked = set(), []
    for name, text in texts_of(root).items():
        pictures = re.findall(r"!\[([^\]]+)\]\(([^)]+)\)\n\n(.*) \(\[SVG\]", text)
        assert len(pictures) == text.count("![")
        for words, link, caption in pictures:
            path = root / name.parent / link
            assert 10 < len(words) < 200  # read out where nothing is seen
            kind = path.stem.split("_")[0]
            assert len(caption) > 40 or (caption == "Drawn as above." and kind in kinds)
            kinds.add(kind)
            linked.append(path.stem)
            assert path.exists()
            assert path.with_suffix(".svg").exists()
    assert kinds >= {
        "claims", "scales", "asymmetry", "direction", "error-curves", "error-sparsity",
    }  # fmt: skip
    drawn = [path.stem for path in (root / "figures").glob("*.png")]
    assert sorted(linked) == sorted(drawn)  # each is on one page, and on one alone


def test_no_page_says_the_same_twice(report):
    _, root = report
    for name, text in texts_of(root).items():
        lines = [x for x in text.splitlines() if len(x) > 60 and not x.startswith(("|", "["))]
        assert len(set(lines)) == len(lines), name


def test_tables_are_tidy_csv(report):
    _, root = report
    names = {path.name for path in (root / "tables").iterdir()}
    assert names == {
        "claims.csv", "accuracy.csv", "comparison.csv", "scales.csv", "asymmetry.csv", "epochs.csv",
    }  # fmt: skip
    lines = (root / "tables" / "accuracy.csv").read_text().splitlines()
    assert len(lines) == 11
    assert lines[0].startswith("trial_id,parent,dataset,protocol,model,arm,strategy,seed")


@pytest.mark.slow
def test_every_figure_is_drawn_and_the_same_records_give_the_same_files(tmp_path):
    write_grid(tmp_path)
    reports = []
    for _ in range(2):
        build_report(tmp_path)
        files = [p for p in sorted(tmp_path.rglob("*")) if p.suffix in (".svg", ".png", ".csv")]
        reports.append({path: path.read_bytes() for path in files})
    assert reports[0] == reports[1]
    marks = {".png": b"\x89PNG", ".svg": b"<?xml", ".csv": b""}
    assert all(content.startswith(marks[path.suffix]) for path, content in reports[0].items())
    assert {path.suffix for path in reports[0]} == set(marks)


def test_a_report_without_pictures_draws_no_figure_but_names_each(tmp_path, monkeypatch):
    write_trial(tmp_path, "fp-0", seed=0, errors=(20.0,))
    monkeypatch.setattr("matplotlib.pyplot.subplots", None)
    assert "![Test error over the epochs: " in write_texts(tmp_path)
    (picture,) = (tmp_path / "figures").glob("*.png")
    assert picture.name == "error-curves_cifar10-jpeg_short_resnet20.png"
    assert picture.read_bytes() == b""


def test_a_trial_that_diverged_at_once_is_shown_and_enters_no_mean(tmp_path):
    write_grid(tmp_path)
    layers = {"layer1.conv1": (-1.0, 1.0), "layer1.conv2": (1.0, 9.0)}
    write_trial(
        tmp_path, "ttq-9", seed=9, errors=(), outcome="diverged", parent="fp-1", scales=layers
    )
    write_texts(tmp_path)
    assert "| ttq-9 | diverged" in page_of(tmp_path, "trials")
    lines = page_of(tmp_path, "scales").splitlines()
    (scales,) = [x for x in lines if x.startswith("| resnet20, TTQ max_fraction")]
    assert scales.startswith("| resnet20, TTQ max_fraction(0.05) | 3 | ")


def test_trials_that_ended_at_chance_level_are_on_the_first_screen(tmp_path):
    write_trial(tmp_path, "guessing", seed=0, errors=(50.0, 90.0))
    write_trial(tmp_path, "learning", seed=1, errors=(50.0, 9.0))
    page = write_texts(tmp_path)

    first_screen = page[: page.index("| data: model and arm |")]
    assert (
        "**Alarm.** 1 of 2 trials ended at chance level (resnet20 full_precision)" in first_screen
    )
    row = "| guessing | finished; alarm: ended at chance level: a test error of 90.00 %"
    assert row in page_of(tmp_path, "trials")


def test_a_trial_whose_parent_has_no_record_stands_apart_and_is_told(tmp_path):
    write_grid(tmp_path)
    write_trial(
        tmp_path, "ttq-7", seed=7, errors=(22.0, 21.0), parent="gone", scales={"a": (1.0, 1.0)}
    )
    contents = Contents(tables_of(tmp_path), [])
    row = "| ttq-7 | stands apart: its parent gone has no record here |"
    assert row in list(problems(contents.tables, []))
    assert "TTQ max_fraction(0.05) | ? + 2 | 1 |" in "\n".join(error_tables(contents))


def test_failures_are_told_even_where_nothing_finished(tmp_path):
    write_failure(ResultsPaths(tmp_path).trial("broken-1"), "out of memory", "", {})
    page = build_report(tmp_path).read_text(encoding="utf-8")
    assert "| broken-1 | failed: out of memory |" in page


def test_a_folder_without_records_says_so(tmp_path):
    assert "no finished trials" in build_report(tmp_path).read_text(encoding="utf-8")


def test_a_missing_folder_is_one_clear_sentence(tmp_path):
    with pytest.raises(ResultsError, match="no such folder"):
        build_report(tmp_path / "nowhere")


@pytest.mark.slow
def test_readme_block_is_replaced_and_nothing_else(tmp_path):
    write_trial(tmp_path, "fp-0", seed=0, errors=(20.0,))
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    build_report(tmp_path, readme)
    text = readme.read_text(encoding="utf-8")
    assert text.startswith(f"before\n{BEGIN}\n")
    assert text.endswith(f"{END}\nafter\n")
    assert "\nold\n" not in text


def test_a_sweep_of_many_arms_is_drawn_and_every_row_can_be_told_apart(tmp_path):
    write_trial(tmp_path, "fp-0", seed=0, errors=(20.0,))
    for number in range(12):
        write_trial(
            tmp_path, f"ttq-{number}", seed=0, errors=(21.0,), parent="fp-0",
            scales={"a": (1.0, 1.0 + number / 20)},
            strategy=("constant_sparsity", number / 20),
        )  # fmt: skip
    write_trial(tmp_path, "fp-1", seed=1, errors=(20.0,), pixels="other")
    page = "\n".join(error_tables(Contents(tables_of(tmp_path), [])))
    labels = re.findall(r"^\| (cifar10-jpeg: resnet20[^|]*) \|", page, flags=re.MULTILINE)
    assert len(labels) == len(set(labels)) == 14


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"nothing\n", "has no place for the findings; put these"),
        (f"{BEGIN}\n".encode(), "has no place for the findings"),
        (f"{END}\n{BEGIN}\n".encode(), "has no place for the findings"),
        ("Zürich".encode("latin-1"), r"is not text in UTF-8 \(byte 1\)"),
    ],
)
def test_a_readme_without_marks_is_refused_by_its_path_before_anything_is_written(
    tmp_path, content, message
):
    write_trial(tmp_path, "fp-0", seed=0, errors=(20.0,))
    readme = tmp_path / "README.md"
    readme.write_bytes(content)
    with pytest.raises(ResultsError, match=rf"^{readme}: {message}"):
        build_report(tmp_path, readme)
    assert not (tmp_path / "summary.md").exists()


def test_a_folder_that_takes_no_report_is_named_with_what_to_do(tmp_path):
    write_trial(tmp_path, "fp-0", seed=0, errors=(20.0,))
    (tmp_path / "tables").write_text("in the way")
    with pytest.raises(ResultsError) as told:
        write_texts(tmp_path)
    assert str(told.value) == (
        f"{tmp_path}: results cannot be written there (File exists);"
        " name another folder with --results"
    )


@pytest.mark.slow
def test_a_read_only_folder_takes_no_report(tmp_path):
    results = tmp_path / "results"
    write_trial(results, "fp-0", seed=0, errors=(20.0,))
    mount = (f"mount --bind {results} {results}", f"mount -o remount,ro,bind {results}")
    words = [*in_namespace(*mount), *COMMAND, "report", "--results", str(results)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (
        2,
        f"ttq-bench: {results}: results cannot be written there (Read-only file system);"
        " name another folder with --results\n",
    )


@pytest.mark.slow
def test_a_report_needs_neither_torch_nor_ray(tmp_path):
    write_grid(tmp_path, seeds=1)
    program = (
        "import json, sys; from pathlib import Path;"
        "from ttq_bench.report.build import build_report;"
        f"build_report(Path({str(tmp_path)!r}));"
        "print(json.dumps([m for m in ('torch', 'ray', 'torchvision') if m in sys.modules]))"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == []


def test_figures_of_the_shared_report_are_pictures(drawn):
    figures = list((drawn / "results/figures").glob("*.png"))
    assert len(figures) >= 5
    for path in figures:
        assert path.read_bytes().startswith(b"\x89PNG\r\n")
        assert b"<svg" in path.with_suffix(".svg").read_bytes()[:600]


@pytest.mark.slow
def test_figures_are_drawn_of_trials_that_went_wrong(tmp_path):
    write_grid(tmp_path)
    layers = {"layer1.conv1": (-1.0, 1.0), "layer1.conv2": (1.0, 9.0)}
    gone_wrong = {"outcome": "diverged", "parent": "fp-1", "scales": layers}
    write_trial(tmp_path, "ttq-9", seed=9, errors=(), **gone_wrong)
    write_trial(tmp_path, "fp-9", seed=9, errors=(50.0, 60.0), outcome="diverged")
    write_trial(tmp_path, "ttq-8", seed=8, errors=(50.0, 90.0), parent="fp-2", scales=layers)
    write_trial(tmp_path, "ttq-7", seed=7, errors=(22.0, 21.0), parent="gone", scales=layers)
    with figure_style():
        names = []
        for figure in all_figures(read_contents(ResultsPaths(tmp_path))):
            plt.close(figure.draw())
            names.append(figure.name)
    assert len(names) >= 5


def test_alarms_of_the_printed_equation_alone_are_no_fault_of_the_runs(tmp_path):
    alarm = Alarm(what="scale that is not positive", layer="layer1.conv1", epoch=1)
    write_grid(tmp_path)
    write_trial(
        tmp_path, "printed-0", seed=0, errors=(22.0, 21.0), parent="fp-0", method="ttq-as-printed",
        scales={"layer1.conv1": (-1.0, 1.0)}, alarms=(alarm,),
    )  # fmt: skip
    lines = "\n".join(alarm_lines(read_contents(ResultsPaths(tmp_path))))
    assert "*scale that is not positive* (resnet20 ttq-as-printed): see [trials" in lines
    assert lines.endswith("they show what its sign does, and are no fault of the runs.\n")
    write_trial(
        tmp_path, "ttq-8", seed=8, errors=(22.0, 21.0), parent="fp-0", alarms=(alarm,),
        scales={"layer1.conv1": (-1.0, 1.0)},
    )  # fmt: skip
    lines = "\n".join(alarm_lines(read_contents(ResultsPaths(tmp_path))))
    assert "(resnet20 ttq, resnet20 ttq-as-printed): see" in lines
    assert "no fault" not in lines
