import pytest

from ttq_bench.speed.figures import Bound, Figure


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
