"""Error against sparsity: the strengths of one strategy are one line."""

import pytest

from tests.record_builders import write_trial
from tests.report.drawn import bars, drawn, figures_of
from ttq_bench.analysis.statistics import estimate
from ttq_bench.report.figures.sparsity import error_against_sparsity

SWEEP = {0.9: (24.0, 25.0, 26.0), 0.0: (21.0, 21.5, 22.0), 0.5: (20.0, 20.2, 20.7)}


def write(root, name, strength, errors, method="ttq", *, moves=(), **more):
    for seed, error in enumerate(errors):
        zeros = strength if name == "constant_sparsity" else 4 * strength
        tag = "".join(f"-{value}" for value in moves)
        write_trial(
            root, f"{method}-{name}-{strength}{tag}-{seed}", seed=seed, errors=(error,),
            method=method, scales={"a": (1.0, 1.0)}, strategy=(name, strength, *moves),
            sparsity=zeros, **more,
        )  # fmt: skip


def write_sweep(root):
    write_trial(root, "fp-0", seed=0, errors=(19.0,))
    write_trial(root, "fp-1", seed=1, errors=(19.5,))
    for strength, errors in SWEEP.items():
        write(root, "constant_sparsity", strength, errors)


def draw(root):
    (figure,) = drawn(error_against_sparsity, root)
    return figure.axes[0]


def test_strengths_are_joined_through_means_with_intervals_by_rising_zeros(tmp_path):
    write_sweep(tmp_path)
    marks = bars(draw(tmp_path))
    assert list(marks) == ["TTQ constant_sparsity(r)"]
    (found,) = marks.values()
    assert [mark[0] for mark in found] == [0, 50, 90]
    for (_, *mark), strength in zip(found, sorted(SWEEP), strict=True):
        expected = estimate(SWEEP[strength])
        assert mark == pytest.approx([expected.mean, expected.low, expected.high])


def test_each_strategy_and_each_method_has_its_own_line(tmp_path):
    write_sweep(tmp_path)
    for strength in (0.05, 0.2):
        write(tmp_path, "max_fraction", strength, (20.0, 21.0))
    for strength in (0.05, 0.1):
        write(tmp_path, "max_fraction", strength, (21.0, 21.5), method="ttq-ste")
    axis = draw(tmp_path)
    assert set(bars(axis)) == {
        "TTQ constant_sparsity(r)", "TTQ max_fraction(t)", "TTQ without Eq. 8, max_fraction(t)",
    }  # fmt: skip


def test_a_line_says_what_moves_and_which_layers_are_quantized(tmp_path):
    for strength in (0.05, 0.2):
        write(tmp_path, "max_fraction", strength, (20.0,))
        write(tmp_path, "max_fraction", strength, (21.0,), moves=(None, 0.0, "epoch"))
        last_too = {"conversion": {"keep_last": False}}
        write(tmp_path, "max_fraction", strength, (22.0,), moves=(0.0, 3.0), **last_too)
    assert set(bars(draw(tmp_path))) == {
        "TTQ max_fraction(t)", "TTQ max_fraction(t, by epoch)",
        "TTQ max_fraction(0 to t in 3 epochs), last layer too",
    }  # fmt: skip


def test_a_single_arm_keeps_its_number_and_is_no_line(tmp_path):
    write(tmp_path, "max_fraction", 0.05, (20.0, 21.0))
    (container,) = draw(tmp_path).containers
    assert container.get_label() == "TTQ max_fraction(0.05)"
    assert container[0].get_linestyle() == "None"
    assert list(container[0].get_ydata()) == [20.5]


def test_every_trial_is_a_dot_and_full_precision_a_line_with_its_range(tmp_path):
    write_sweep(tmp_path)
    axis = draw(tmp_path)
    dots = [tuple(dot) for dots in axis.collections for dot in dots.get_offsets()]
    expected = {(100 * strength, error) for strength, errors in SWEEP.items() for error in errors}
    assert expected <= set(dots)
    (line,) = [line for line in axis.lines if line.get_label() == "full precision"]
    assert line.get_ydata()[0] == 19.25


def test_a_ruined_network_leaves_the_frame_and_the_title_says_so(tmp_path):
    write_sweep(tmp_path)
    write(tmp_path, "constant_sparsity", 0.99, (88.0, 90.0))
    axis = draw(tmp_path)
    assert axis.get_ylim()[1] < 40
    assert "trials above the frame: 2" in axis.get_title()


def test_a_seed_alone_has_no_interval(tmp_path):
    for strength in (0.1, 0.5):
        write(tmp_path, "constant_sparsity", strength, (20.0,))
    assert bars(draw(tmp_path)) == {"TTQ constant_sparsity(r)": []}


def test_without_a_finished_quantized_trial_there_is_no_figure(tmp_path):
    assert figures_of(error_against_sparsity, tmp_path) == []
    write_trial(tmp_path, "fp-0", seed=0, errors=(19.0,))
    write_trial(tmp_path, "gone", seed=1, errors=(), scales={"a": (1.0, 1.0)}, outcome="diverged")
    assert figures_of(error_against_sparsity, tmp_path) == []
