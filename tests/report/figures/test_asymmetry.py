"""rho by layer: every seed, mean and interval."""

import numpy as np
import pytest

from tests.record_builders import write_trial
from tests.report.drawn import bars, drawn, figures_of
from ttq_bench.analysis.statistics import estimate
from ttq_bench.report.figures import asymmetry
from ttq_bench.report.figures.asymmetry import asymmetry_by_layer

RATIOS = (1.2, 1.3, 1.25)


def write(root, ratios=RATIOS, method="ttq"):
    for seed, ratio in enumerate(ratios):
        scales = {"a": (ratio, 1.0), "b": (1.0, 1.0)}
        write_trial(root, f"t-{seed}", seed=seed, errors=(20.0,), scales=scales, method=method)


def draw(root):
    (figure,) = drawn(asymmetry_by_layer, root)
    return figure.axes[0]


def test_mean_and_interval_over_seeds_are_drawn_at_each_layer(tmp_path):
    write(tmp_path)
    (marks,) = bars(draw(tmp_path)).values()
    expected = estimate(np.log(RATIOS))
    assert marks[0] == pytest.approx((0, expected.mean, expected.low, expected.high), abs=1e-9)
    assert marks[1] == pytest.approx((1, 0, 0, 0), abs=1e-9)


def test_layers_that_feed_no_batch_normalisation_are_marked_and_in_the_frame(tmp_path):
    write_trial(
        tmp_path, "t-0", seed=0, errors=(20.0,), scales={"a": (1.0, 1.0), "b": (3.0, 1.0)},
        changes=lambda _, layer: {"feeds_batch_norm": "no" if layer == "b" else "yes"},
    )  # fmt: skip
    axis = draw(tmp_path)
    assert [label.get_text() for label in axis.get_xticklabels()] == ["a", "b (no BN)"]
    assert axis.get_ylim()[1] > np.log(3)


def test_of_several_strengths_one_is_drawn(tmp_path):
    for number in (0.05, 0.1):
        for seed in range(2):
            write_trial(
                tmp_path, f"t-{number}-{seed}", seed=seed, errors=(20.0,),
                scales={"a": (1.1, 1.0)}, strategy=("max_fraction", number),
            )  # fmt: skip
    assert list(bars(draw(tmp_path))) == ["TTQ max_fraction(0.05)"]


def test_one_seed_has_no_interval(tmp_path):
    write(tmp_path, (1.2,))
    assert list(bars(draw(tmp_path)).values()) == [[]]


def test_methods_that_learn_no_pair_give_no_figure(tmp_path):
    assert figures_of(asymmetry_by_layer, tmp_path) == []
    write(tmp_path, method="ttq-tied")
    assert figures_of(asymmetry_by_layer, tmp_path) == []


@pytest.mark.parametrize(("most", "is_image"), [(6, False), (5, True)])
def test_more_dots_than_a_page_can_hold_are_an_image(tmp_path, monkeypatch, most, is_image):
    write(tmp_path)  # three seeds of two layers
    monkeypatch.setattr(asymmetry, "MOST_DOTS", most)
    dots = draw(tmp_path).collections[0]
    assert dots.get_rasterized() == is_image
