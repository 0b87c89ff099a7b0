"""Error over the epochs: fine-tuning goes on where its parent ended."""

import pytest

from tests.record_builders import write_arm, write_parents, write_trial
from tests.report.drawn import drawn, figures_of
from ttq_bench.report.figures.errors import error_curves


def curves(figure, panel=0):
    return {line.get_label(): line for line in figure.axes[panel].lines}


def draw(root):
    (figure,) = drawn(error_curves, root)
    return figure


def test_fine_tuned_curves_start_after_their_parents_and_are_means_over_seeds(tmp_path):
    write_parents(tmp_path, 2)
    write_arm(tmp_path, "ttq", (21.0, 23.0))
    figure = draw(tmp_path)
    found = curves(figure)
    assert list(found["full precision"].get_xdata()) == [1, 2]
    ttq = found["TTQ max_fraction(0.05)"]
    assert list(ttq.get_xdata()) == [3, 4]
    assert list(ttq.get_ydata()) == pytest.approx([50, 22])
    assert list(curves(figure, 1)) == ["TTQ max_fraction(0.05)"]  # enlarged, without the parents


def test_the_band_is_the_range_over_seeds(tmp_path):
    write_parents(tmp_path, 2)
    write_arm(tmp_path, "ttq", (21.0, 23.0))
    bands = draw(tmp_path).axes[1].collections
    heights = bands[0].get_paths()[0].vertices
    last = heights[heights[:, 0] == 4][:, 1]
    assert (last.min(), last.max()) == (21, 23)


def test_full_precision_alone_has_one_panel(tmp_path):
    write_parents(tmp_path, 1)
    assert len(draw(tmp_path).axes) == 1


def test_of_several_strengths_one_is_drawn(tmp_path):
    write_parents(tmp_path, 1)
    write_arm(tmp_path, "ttq", (21.0,))
    write_arm(tmp_path, "ttq", (25.0,), tag="more", strategy=("max_fraction", 0.2))
    assert list(curves(draw(tmp_path), 1)) == ["TTQ max_fraction(0.05)"]


def test_without_a_finished_trial_there_is_no_figure(tmp_path):
    assert figures_of(error_curves, tmp_path) == []
    write_trial(tmp_path, "gone", seed=0, errors=(), outcome="diverged")
    assert figures_of(error_curves, tmp_path) == []
