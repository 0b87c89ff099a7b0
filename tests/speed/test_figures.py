import math

import pytest

from ttq_bench.speed.figures import Bound, Figure, ratio_figure


@pytest.mark.parametrize(
    ("ends", "kind", "expected"),
    [
        ((1.00, 1.01), "at most", "holds"),
        ((1.01, 1.03), "at most", "unclear"),
        ((1.03, 1.04), "at most", "does not hold"),
        ((1.03, 1.04), "at least", "holds"),
        ((None, None), "at most", "holds"),
    ],
)
def test_a_goal_holds_where_the_whole_interval_meets_it(ends, kind, expected):
    figure = Figure("P2", "step", 1.015, "x", *ends, bound=Bound(kind, 1.02))

    assert figure.verdict == expected
    assert str(figure.bound) == f"{kind} 1.02"


def test_a_figure_without_a_goal_is_only_stated():
    assert Figure("P8", "share", 40.0, "%").verdict == "stated"


def test_a_ratio_is_the_geometric_mean_over_rounds_with_its_interval():
    figure = ratio_figure("P2", "step", [1.0, 4.0], Bound("at most", 1.02))

    assert (figure.value, figure.n) == (pytest.approx(2.0), 2)
    half_width = 12.706 * math.log(2)  # t of one degree of freedom; the error of the mean is ln 2
    assert math.log(figure.high / figure.value) == pytest.approx(half_width, rel=1e-3)
    assert figure.low * figure.high == pytest.approx(figure.value**2)
