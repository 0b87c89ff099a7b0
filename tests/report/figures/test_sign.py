"""|rho| under both signs of Eq. 7, ours beside published ones."""

import numpy as np
import pytest

from tests.record_builders import write_trial
from tests.report.drawn import assert_same_files_twice, drawn, figures_of
from ttq_bench.report.figures.sign import FLOOR, printed_sign, published_sizes

TRUE = {"layer1.conv1": (1.2, 1.0), "layer1.conv2": (1.0, 1.1)}
PRINTED = {"layer1.conv1": (1.0, 1.0), "layer1.conv2": (1.0001, 1.0)}


def write(root, method, scales, seeds=2, **more):
    for seed in range(seeds):
        write_trial(
            root, f"{method}-{seed}", seed=seed, errors=(20.0,), scales=scales, method=method,
            **more,
        )  # fmt: skip


def test_means_of_both_signs_stand_at_their_layers_and_equal_scales_at_the_floor(tmp_path):
    write(tmp_path, "ttq", TRUE)
    write(tmp_path, "ttq-as-printed", PRINTED)
    (figure,) = drawn(printed_sign, tmp_path)
    ours = figure.axes[0]
    true, printed = ours.lines
    assert list(true.get_ydata()) == pytest.approx([np.log(1.2), np.log(1.1)])
    assert list(printed.get_ydata()) == pytest.approx([FLOOR, np.log(1.0001)])
    assert list(np.round(true.get_xdata())) == list(np.round(printed.get_xdata())) == [0, 1]
    assert ours.get_yscale() == "log"
    figure.canvas.draw()
    labels = {tick.get_text() for tick in ours.get_yticklabels()}
    assert {"0", "1e-7", "1e-1"} <= labels


def test_a_mean_is_that_of_the_sizes_and_not_the_size_of_the_mean(tmp_path):
    for seed, pair in enumerate(((1.2, 1.0), (1.0, 1.2))):
        write_trial(tmp_path, f"t-{seed}", seed=seed, errors=(20.0,), scales={"a": pair})
    write(tmp_path, "ttq-as-printed", {"a": (1.0, 1.0)})
    (figure,) = drawn(printed_sign, tmp_path)
    assert figure.axes[0].lines[0].get_ydata()[0] == pytest.approx(np.log(1.2))


def test_published_layers_are_all_there_by_what_they_feed():
    sizes = {name: (printed, len(found)) for name, (printed, found) in published_sizes().items()}
    assert sizes == {
        "authors' ResNet-20": (False, 9), "authors' ResNet-20 (no BN)": (False, 10),
        "authors' AlexNet": (False, 6), "port's DenseNet": (True, 62),
        "port's SqueezeNet": (True, 8), "port's SqueezeNet (no BN)": (True, 16),
    }  # fmt: skip


def test_a_scale_that_is_not_positive_has_no_mark(tmp_path):
    write(tmp_path, "ttq", TRUE)
    write(tmp_path, "ttq-as-printed", {"layer1.conv1": (-1.0, 1.0), "layer1.conv2": (1.0, 2.0)})
    (figure,) = drawn(printed_sign, tmp_path)
    means = np.array(figure.axes[0].lines[1].get_ydata())
    assert np.isnan(means[0])
    assert means[1] == pytest.approx(np.log(2))


def test_both_signs_under_one_strategy_are_needed(tmp_path):
    assert figures_of(printed_sign, tmp_path) == []
    write(tmp_path, "ttq", TRUE)
    assert figures_of(printed_sign, tmp_path) == []
    write(tmp_path, "ttq-as-printed", PRINTED, strategy=("constant_sparsity", 0.5))
    assert figures_of(printed_sign, tmp_path) == []


def test_the_files_are_the_same_twice(tmp_path):
    write(tmp_path, "ttq", TRUE, seeds=1)
    write(tmp_path, "ttq-as-printed", PRINTED, seeds=1)
    assert_same_files_twice(printed_sign, tmp_path)
