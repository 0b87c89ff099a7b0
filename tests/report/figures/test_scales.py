"""Scales, rho and shares over the epochs, the authors' log beneath."""

import numpy as np
import pytest

from tests.record_builders import write_trial
from tests.report.drawn import drawn, figures_of
from ttq_bench.analysis.reference import authors_scales
from ttq_bench.report.figures.scales import scales_over_epochs

LAYERS = {"layer1.0.conv1": (1.2, 1.0), "layer2.0.conv1": (0.9, 1.0), "layer3.2.conv2": (1.0, 1.0)}
START = dict.fromkeys(LAYERS, (1.0, 1.0))


def write(root, method="ttq", model="resnet20", seeds=2):
    for seed in range(seeds):
        scales = {name: (p + 0.1 * seed, n) for name, (p, n) in LAYERS.items()}
        write_trial(
            root, f"{method}-{model}-{seed}", seed=seed, errors=(20.0, 19.0), scales=scales,
            at_start=START, method=method, model=model,
        )  # fmt: skip


def draw(root):
    (figure,) = drawn(scales_over_epochs, root)
    return np.array(figure.axes).reshape(-1, 3)


def line(axis, label):
    (found,) = [drawn for drawn in axis.lines if drawn.get_label() == label]
    return found


def test_scales_and_rho_are_means_over_seeds_at_every_epoch(tmp_path):
    write(tmp_path)
    first = draw(tmp_path)[:, 0]
    assert list(line(first[0], "$W_p$").get_ydata()) == pytest.approx([1.0, 1.25, 1.25])
    assert list(line(first[0], "$W_n$").get_ydata()) == [1.0, 1.0, 1.0]
    mean = (np.log(1.2) + np.log(1.3)) / 2
    assert list(line(first[2], r"$\rho$").get_ydata()) == pytest.approx([0, mean, mean])
    band = first[2].collections[0].get_paths()[0].vertices[:, 1]
    assert (band.max(), band.min()) == pytest.approx((np.log(1.3), 0))


def test_the_authors_curve_of_the_same_layer_is_stretched_to_our_last_epoch(tmp_path):
    write(tmp_path)
    panels = draw(tmp_path)
    assert panels.shape == (4, 3)
    log = authors_scales("resnet20")
    for column, layer in enumerate(LAYERS):
        theirs = log[log["layer"] == layer]
        drawn = line(panels[2][column], r"$\rho$, authors' log")
        assert list(drawn.get_ydata()) == theirs["rho"].tolist()
        assert drawn.get_xdata()[[0, -1]] == pytest.approx([2 / 400, 2])
        scale = line(panels[1][column], "$W_n$, authors' log")
        assert list(scale.get_ydata()) == theirs["negative_scale"].tolist()
    assert "authors' 400" in panels[-1][0].get_xlabel()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "model", "rows"),
    [("ttq", "resnet32", 3), ("ttq-ste", "resnet20", 3), ("ttq-tied", "resnet20", 2)],
)
def test_without_a_log_or_a_ratio_their_panels_are_not_there(
    tmp_path, monkeypatch, method, model, rows
):
    write(tmp_path, method, model)
    panels = draw(tmp_path)
    assert len(panels) == rows
    assert panels[-1][0].get_xlabel() == "epoch of fine-tuning"


@pytest.mark.slow
def test_one_seed_is_called_one_seed(tmp_path):
    write(tmp_path, seeds=1)
    (figure,) = figures_of(scales_over_epochs, tmp_path)
    assert "over one seed" in figure.caption


def test_arms_without_learned_scales_and_diverged_ones_have_no_figure(tmp_path):
    assert figures_of(scales_over_epochs, tmp_path) == []
    write(tmp_path, "twn")
    write_trial(
        tmp_path, "gone", seed=7, errors=(20.0,), scales=LAYERS, outcome="diverged", model="lenet5"
    )
    assert figures_of(scales_over_epochs, tmp_path) == []
