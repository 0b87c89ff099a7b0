"""What equal scales cost after training: probes against their own control."""

from itertools import pairwise

import pytest

from tests.record_builders import make_probe, write_trial
from tests.report.drawn import assert_same_files_twice, bars, drawn, figures_of
from ttq_bench.analysis.statistics import estimate
from ttq_bench.analysis.tables import load_tables
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.probes import SymmetrisedLayer, publish_probe
from ttq_bench.report.figures.symmetrised import ALL_LAYERS, cost_of_symmetry, symmetry_changes

COSTS = {"a": (0.1, 0.3, 0.2), "b": (0.0, -0.1, 0.1), ALL_LAYERS: (1.0, 2.0, 3.0)}


def write(root, seed, *, method="ttq", together=True, outcome="finished"):
    name = f"{method}-{seed}"
    scales = {"a": (1.2, 1.0), "b": (1.0, 1.1)}
    write_trial(
        root, name, seed=seed, errors=(20.0,), scales=scales, method=method, outcome=outcome
    )
    control = 20.0 + seed
    layers = tuple(
        SymmetrisedLayer(layer=layer, rho=0.1, test_error_percent=control + COSTS[layer][seed])
        for layer in scales
    )
    everything = control + COSTS[ALL_LAYERS][seed] if together else None
    probe = make_probe(
        name, reestimated_error_percent=control, symmetrised=layers,
        all_symmetrised_error_percent=everything,
    )  # fmt: skip
    publish_probe(ResultsPaths(root), probe)


def test_mean_and_interval_over_seeds_are_drawn_at_each_layer_with_all_of_them_last(tmp_path):
    for seed in range(3):
        write(tmp_path, seed)
    (figure,) = drawn(cost_of_symmetry, tmp_path)
    axis = figure.axes[0]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["a", "b", ALL_LAYERS]
    marks = bars(axis)["TTQ max_fraction(0.05)"]
    for (_, mean, low, high), values in zip(marks, COSTS.values(), strict=True):
        expected = estimate(values)
        assert (mean, low, high) == pytest.approx((expected.mean, expected.low, expected.high))
    gaps = [later[0] - mark[0] for mark, later in pairwise(marks)]
    assert gaps[1] > 1.5 * gaps[0]
    dots = axis.collections[0].get_offsets()
    assert sorted(dots[:, 1]) == pytest.approx(sorted(sum(COSTS.values(), start=())))


def test_one_seed_has_marks_without_intervals(tmp_path):
    write(tmp_path, 0)
    (figure,) = drawn(cost_of_symmetry, tmp_path)
    (container,) = figure.axes[0].containers
    assert list(container[0].get_ydata()) == pytest.approx([0.1, 0.0, 1.0])
    assert bars(figure.axes[0]) == {"TTQ max_fraction(0.05)": []}


def test_a_probe_without_all_layers_adds_its_single_ones(tmp_path):
    write(tmp_path, 0, together=False)
    write(tmp_path, 1)
    tables = load_tables(ResultsPaths(tmp_path))
    (arm,) = tables.arms()
    counts = symmetry_changes(tables, arm)["layer"].value_counts().to_dict()
    assert counts == {"a": 2, "b": 2, ALL_LAYERS: 1}


def test_arms_stand_side_by_side(tmp_path):
    write(tmp_path, 0)
    write(tmp_path, 1, method="ttq-ste")
    (figure,) = drawn(cost_of_symmetry, tmp_path)
    first, second = (c[0].get_xdata() for c in figure.axes[0].containers)
    assert all(0 < there - here < 0.5 for here, there in zip(first, second, strict=True))


def test_without_probes_of_finished_trials_there_is_no_figure(tmp_path):
    write_trial(tmp_path, "other", seed=5, errors=(20.0,), scales={"a": (1.0, 1.0)})
    assert figures_of(cost_of_symmetry, tmp_path) == []
    write(tmp_path, 0, outcome="diverged")
    assert figures_of(cost_of_symmetry, tmp_path) == []


def test_the_files_are_the_same_twice(tmp_path):
    write(tmp_path, 0)
    assert_same_files_twice(cost_of_symmetry, tmp_path)
