"""What TTQ gains at each depth, beside Table 1."""

import pytest

from tests.record_builders import write_trial
from tests.report.drawn import assert_same_files_twice, bars, drawn, figures_of
from ttq_bench.analysis.comparison import compare_arms
from ttq_bench.analysis.statistics import estimate
from ttq_bench.analysis.tables import load_tables
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.report.figures.depth import depth_series, gain_by_depth

LABEL = "cifar10-jpeg, protocol short, max_fraction(0.05)"


def write(root, model, gains, *, control=True, strategy=("max_fraction", 0.05)):
    for seed, gain in enumerate(gains):
        name, more = f"{model}-{seed}", {"seed": seed, "model": model}
        if not (root / "trials" / f"fp-{name}").exists():
            write_trial(root, f"fp-{name}", errors=(20.0,), **more)
            if control:
                write_trial(root, f"on-{name}", errors=(19.0,), parent=f"fp-{name}", **more)
        write_trial(
            root, f"ttq-{name}-{strategy[1]}", errors=(19.0 - gain,), parent=f"fp-{name}",
            scales={"a": (1.0, 1.0)}, strategy=strategy, **more,
        )  # fmt: skip


def labels(root):
    return list(depth_series(compare_arms(load_tables(ResultsPaths(root)))))


def test_gains_are_against_the_control_positive_where_ttq_is_better(tmp_path):
    write(tmp_path, "resnet20", (-0.5, -0.7, -0.3))
    write(tmp_path, "resnet56", (0.1, 0.4, 0.4))
    (figure,) = drawn(gain_by_depth, tmp_path)
    shallow, deep = bars(figure.axes[0])[f"{LABEL}, n = 3"]
    for (x, *mark), depth, gains in (
        (shallow, 20, (-0.5, -0.7, -0.3)),
        (deep, 56, (0.1, 0.4, 0.4)),
    ):
        expected = estimate(gains)
        assert mark == pytest.approx([expected.mean, expected.low, expected.high])
        assert abs(x - depth) < 3


def test_the_printed_gains_are_a_line_with_open_marks(tmp_path):
    write(tmp_path, "resnet20", (0.0, 0.1))
    (figure,) = drawn(gain_by_depth, tmp_path)
    (printed,) = [line for line in figure.axes[0].lines if "printed" in str(line.get_label())]
    assert list(printed.get_xdata()) == [20, 32, 44, 56]
    assert list(printed.get_ydata()) == [-0.64, 0.04, 0.16, 0.36]
    assert printed.get_markerfacecolor() == "white"


def test_the_frame_holds_every_mean_and_the_intervals_of_three_or_more(tmp_path):
    write(tmp_path, "resnet20", (-3.0, -5.0, -4.0))
    write(tmp_path, "resnet32", (9.0, -9.0))
    (figure,) = drawn(gain_by_depth, tmp_path)
    low, high = figure.axes[0].get_ylim()
    assert estimate((-3.0, -5.0, -4.0)).low - 2 < low < estimate((-3.0, -5.0, -4.0)).low
    assert 0.36 < high < 5


def test_one_seed_is_a_mark_without_an_interval(tmp_path):
    write(tmp_path, "resnet20", (-0.5,))
    (figure,) = drawn(gain_by_depth, tmp_path)
    assert bars(figure.axes[0]) == {f"{LABEL}, n = 1": []}


def test_families_have_lines_of_their_own(tmp_path):
    write(tmp_path, "resnet20", (0.1,))
    write(tmp_path, "preact_resnet20", (0.1,))
    pre = "cifar10-jpeg, protocol short, pre-activation, max_fraction(0.05)"
    assert sorted(labels(tmp_path)) == sorted([LABEL, pre])


def test_unusual_strengths_appear_only_where_they_were_tried_at_several_depths(tmp_path):
    write(tmp_path, "resnet20", (0.1,))
    write(tmp_path, "resnet20", (0.2,), strategy=("max_fraction", 0.3))
    assert labels(tmp_path) == [LABEL]
    write(tmp_path, "resnet32", (0.2,), strategy=("max_fraction", 0.3))
    assert len(labels(tmp_path)) == 2


def test_networks_of_other_families_or_without_control_give_no_figure(tmp_path):
    assert figures_of(gain_by_depth, tmp_path) == []
    write(tmp_path, "lenet5", (0.1,))
    write(tmp_path, "resnet20", (0.1,), control=False)
    assert figures_of(gain_by_depth, tmp_path) == []


def test_the_files_are_the_same_twice(tmp_path):
    write(tmp_path, "resnet20", (0.1, 0.2))
    assert_same_files_twice(gain_by_depth, tmp_path)
