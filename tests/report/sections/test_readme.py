"""The generated block of the README: short answers that follow from the verdicts, one figure."""

import re

import pytest

from tests.record_builders import write_probe
from tests.report.sections.test_by_setting import CLOSE, FAR, write_networks
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.report.build import readme_block
from ttq_bench.report.contents import read_contents
from ttq_bench.report.figures.catalog import all_figures
from ttq_bench.report.sections.readme import findings_block
from ttq_bench.report.sections.verdicts import LATE

FIGURE = "asymmetry_cifar10-jpeg_short_resnet20"
SAME = (20.0, 20.2, 20.4), (20.01, 20.19, 20.41)  # errors with two scales and with one


def block(contents, figures=(FIGURE,), folder="results"):
    return findings_block(contents, figures, folder)


def sentences(root):
    lines = block(read_contents(ResultsPaths(root))).splitlines()
    return [line for line in lines if line.startswith("**")]


def test_scales_that_stay_close_and_do_not_matter(tmp_path):
    write_networks(tmp_path, CLOSE, *SAME)
    differ, one, paper = sentences(tmp_path)
    assert differ.startswith("**Do the two scales become different?** Training moves them more")
    assert ": *no* in `short` (1." in differ
    assert "(that noise included): *yes* in `short` (1." in differ
    assert "within 0.125 points of test error: *yes* in `short` (+0.00 [" in one
    assert "proxy evidence: the paper's own data and schedule were not run. " in paper
    text = block(read_contents(ResultsPaths(tmp_path)))
    assert "*Brackets: 95 % intervals over n seeds. †: holds alone, not after" in text
    assert f"‡: {LATE}." in text
    assert "Settings: `short` resnet20 on cifar10-jpeg, 1 + 2 epochs.*\n" in text


def test_scales_that_differ_and_matter(tmp_path):
    write_networks(tmp_path, FAR, (20.0, 20.2, 20.4), (21.0, 21.3, 21.35))
    for seed in range(3):
        write_probe(tmp_path, f"ttq-{seed}", control=20.0, together=21.0 + 0.1 * seed)
    differ, one, equal, _ = sentences(tmp_path)
    assert "may be below 1): *yes* in `short` (" in differ
    assert ": *no* in `short` (+" in one
    assert one.endswith(" shown to be worse in `short`.")
    assert "was trained with two, raise its error: *yes* in `short` (+1.10" in equal


@pytest.mark.slow
def test_settings_with_the_paper_s_data_and_schedule_are_told_from_proxy_evidence(tmp_path):
    write_networks(tmp_path, FAR, *SAME, protocol="paper", dataset="cifar10")
    assert (
        "?** All that was trained is on the paper's own data and schedule. Of"
        in sentences(tmp_path)[-1]
    )
    write_networks(tmp_path, CLOSE, *SAME)
    assert (
        "?** 1 setting has the paper's own data and schedule, the rest is proxy evidence. Of"
    ) in sentences(tmp_path)[-1]


@pytest.mark.slow
def test_a_verdict_that_does_not_hold_after_correction_is_named_as_such(tmp_path):
    write_networks(tmp_path, CLOSE, (20.0, 20.2, 20.4), (20.35, 20.7, 21.05))
    one = sentences(tmp_path)[1]
    assert "points, n = 3 †‡, at a mean error of" in one


def test_without_a_trial_there_is_no_verdict(tmp_path):
    contents = read_contents(ResultsPaths(tmp_path))
    assert block(contents) == "No trial is finished yet, so there is no verdict.\n"


def test_a_figure_that_the_report_lacks_and_links_to_a_folder_elsewhere_are_left_out(tmp_path):
    write_networks(tmp_path, CLOSE, *SAME)
    contents = read_contents(ResultsPaths(tmp_path))
    text = block(contents)
    assert f"](results/figures/{FIGURE}.png)" in text
    assert text.endswith("record: [results/summary.md](results/summary.md).\n")
    assert "![" not in block(contents, figures=("claims",))
    assert f"](figures/{FIGURE}.png)" in block(contents, folder=".")
    elsewhere = block(contents, folder=None)
    assert "](" not in elsewhere
    assert elsewhere.endswith("record: `summary.md` of the results folder.\n")


@pytest.mark.slow
@pytest.mark.parametrize(("place", "count"), [(".", 2), ("results", 2), ("elsewhere", 0)])
def test_links_lead_from_the_readme_to_the_results(drawn, place, count):
    root, start = drawn / "results", drawn / place
    contents = read_contents(ResultsPaths(root))
    text = readme_block(contents, all_figures(contents), root, start)
    links = re.findall(r"\]\((.*?)\)", text)
    assert [(start / link).is_file() for link in links] == [True] * count
