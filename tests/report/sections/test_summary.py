"""The summary: short, and about the arms of a suite where no claim of the paper has evidence."""

import pytest
from matplotlib.figure import Figure

from tests.record_builders import write_arm, write_grid, write_parents, write_probe
from ttq_bench.analysis.claims import CLAIMS
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.report.contents import read_contents
from ttq_bench.report.figures.style import ReportFigure
from ttq_bench.report.sections.figure_lines import figure_lines
from ttq_bench.report.sections.main_claims import HEADER, MAIN_CLAIMS, main_claims
from ttq_bench.report.sections.pages import PAGES
from ttq_bench.report.sections.provenance import caveats, provenance
from ttq_bench.report.sections.summary import main_figures, summary_page


def figure(name):
    return ReportFigure(name, f"Title of {name}", f"Caption of {name}.", Figure)


FIGURES = [
    figure(name)
    for name in (
        "claims", "asymmetry_cifar10-jpeg_short_resnet20", "error-curves_a", "error-curves_b",
    )
]  # fmt: skip


def summary(contents):
    return summary_page(contents, main_figures(contents, FIGURES), PAGES)


@pytest.fixture(scope="module")
def of_grid(tmp_path_factory):
    """The contents of a small grid on claims of the paper."""
    root = tmp_path_factory.mktemp("results")
    write_grid(root)
    return read_contents(ResultsPaths(root))


def test_a_suite_on_the_paper_has_the_two_figures_that_carry_the_answer(of_grid):
    page = summary(of_grid)
    pictures = [line for line in page.splitlines() if line.startswith("![")]
    assert pictures == [
        "![Title of asymmetry_cifar10-jpeg_short_resnet20]"
        "(figures/asymmetry_cifar10-jpeg_short_resnet20.png)",
        "![Title of claims](figures/claims.png)",
    ]
    assert "## What the arms" not in page


def test_a_suite_of_other_arms_leads_with_them_and_says_nothing_of_the_paper(tmp_path):
    write_parents(tmp_path, 3)
    write_arm(tmp_path, "bwn", [21.0, 21.5, 22.0])
    page = summary(read_contents(ResultsPaths(tmp_path)))
    row = "| cifar10-jpeg: resnet20, BWN | 2 + 2 | 3 | 21.50 [20.26, 22.74] | +1.50 ["
    assert page.index("## What the arms of this suite reach") < page.index(row)
    assert page.index(row) < page.index("![Title of error-curves_a]")
    assert page.index("*Minus its start*") < page.index(row)  # columns are defined where they stand
    assert page.count("![") == 1
    assert "| claim | verdict |" not in page
    assert "## Answer" not in page
    assert page.startswith("# Trained Ternary Quantization: what the records say\n")  # as ours


def test_probes_by_code_that_no_commit_holds_are_told(tmp_path):
    write_grid(tmp_path)
    for seed, commit in enumerate(["abc+dirty", "abc"]):
        write_probe(
            tmp_path, f"ttq-{seed}", control=20.0, together=20.5, provenance={"commit": commit}
        )
    contents = read_contents(ResultsPaths(tmp_path))
    assert (
        "1 of 2 probes (equal scales after training) ran on code with changes that no commit holds."
    ) in " ".join(caveats(contents.tables))
    assert "- commit of probes: abc, abc+dirty" in list(provenance(contents.tables))


def test_the_eight_claims_are_claims_of_the_ledger_and_have_no_symbols():
    assert len(MAIN_CLAIMS) == 8
    assert set(MAIN_CLAIMS) <= set(CLAIMS)
    assert not set("ρ√Δ|₊₋") & set("".join(MAIN_CLAIMS.values()))


def test_each_of_the_eight_has_verdict_printed_value_ours_and_n(of_grid):
    lines = main_claims(of_grid.ledger)
    rows = [
        dict(zip(HEADER, (c.strip() for c in line.strip("| ").split(" | ")), strict=True))
        for line in lines[2:10]
    ]
    by_claim = dict(zip(MAIN_CLAIMS, rows, strict=True))
    table_1 = by_claim["T1 ResNet-20"]
    # When the runs of this grid began is not known, so that they may have been there before.
    assert table_1["verdict"] == "proxy evidence: *contradicted*, exploratory"
    assert table_1["the paper prints"] == "8.23 → 8.87 %: -0.64"
    assert table_1["here [95 %]"] == "-2.10 [-2.35, -1.85] points"
    assert (table_1["n"], table_1["measured on"]) == ("3", "resnet20, cifar10-jpeg, protocol short")
    assert by_claim["A1 different"]["here [95 %]"].endswith("] times")
    assert by_claim["Q1"]["verdict"] == "**not run**"
    assert by_claim["Z1 network"]["verdict"] == "**contradicted**"  # counted: nothing to choose


def test_a_caption_that_figures_share_stands_once():
    same = [ReportFigure(name, name, "What is drawn.", Figure) for name in ("a_1", "a_2")]
    text = "\n".join(figure_lines([*same, figure("b_1")]))
    assert text.count("What is drawn. ([SVG](figures/a_1.svg))") == 1
    assert "Drawn as above. ([SVG](figures/a_2.svg))" in text
    assert "Caption of b_1. ([SVG](figures/b_1.svg))" in text
