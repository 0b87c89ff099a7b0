"""The figure of all claims: one place a claim, in the panel of its unit."""

import matplotlib.pyplot as plt
import pytest

from tests.report.sections.test_claims_table import PAPER, SHORT, row_of
from ttq_bench.report.figures.claims import claims_at_a_glance
from ttq_bench.report.figures.style import figure_style

ROWS = [
    row_of("A2", (0.1, 0.2, 0.3), PAPER),
    row_of("TWN", (-0.1, -0.2), SHORT),
    row_of("T3 top-1"),
    row_of("A1 different", (0.04, 0.05), SHORT),
    row_of("A1 capacity"),  # nothing printed, logged or measured: nothing to draw
]


@pytest.fixture(scope="module")
def drawn():
    (figure,) = claims_at_a_glance(ROWS)
    with figure_style():
        drawn = figure.draw()
    plt.close(drawn)
    return drawn


def test_claims_of_one_unit_share_a_panel(drawn):
    names = [[label.get_text() for label in axis.get_yticklabels()] for axis in drawn.axes]
    assert [len(panel) for panel in names] == [3, 1]
    assert names[0][0].startswith("A2, paper, n = 3: ")


def test_each_row_says_what_its_interval_says(drawn):
    assert [text.get_text() for text in drawn.axes[0].texts] == [
        "undecided", "proxy evidence: undecided by rule", "not run",
    ]  # fmt: skip


def test_the_interval_drawn_is_the_interval_of_the_row(drawn):
    bar = drawn.axes[0].containers[0]
    segment = bar[2][0].get_segments()[0]
    value = ROWS[0].value
    assert segment[:, 0] == pytest.approx([value.low, value.high])


def test_two_seeds_whose_interval_is_not_drawn_do_not_stretch_their_panel(drawn):
    low, high = drawn.axes[1].get_xlim()  # A1 different: 0.04 and 0.05, the bound 0.05, logged 0.08
    assert ROWS[3].value.half_width > 0.06
    assert high - low < 0.06


def test_nothing_measured_gives_no_figure():
    assert claims_at_a_glance([row_of("T3 top-1")]) == []
