"""Latent weights from the start to the last epoch."""

import numpy as np
import pytest

from tests.record_builders import write_trial
from tests.report.drawn import assert_same_files_twice, drawn, figures_of
from ttq_bench.analysis.tables import load_tables
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.report.figures.histograms import latent_weights
from ttq_bench.report.figures.latent_spread import latent_spreads, magnitude_of_share

LAYERS = ("a", "b", "c", "d")
EARLY, LATE = (1, 3, 3, 1), (4, 0, 0, 4)


def counts(layers, epochs):
    return [
        {"epoch": epoch, "layer_index": index, "layer": layer, "reach": 0.5 + epoch,
         "bins": len(found), "bin": number, "count": count}
        for epoch, found in epochs.items() for index, layer in enumerate(layers)
        for number, count in enumerate(found)
    ]  # fmt: skip


def write(root, seed=0, *, epochs=None, layers=LAYERS, **more):
    more = {"strategy": ("max_fraction", 0.05), "method": "ttq"} | more
    write_trial(
        root, f"{more['method']}-{more['strategy'][1]}-{seed}", seed=seed,
        errors=(20.0,) * 9, scales=dict.fromkeys(layers, (1.0, 1.0)),
        histograms=counts(layers, epochs or {0: EARLY, 9: LATE}), **more,
    )  # fmt: skip


def spreads_of(root):
    tables = load_tables(ResultsPaths(root))
    return latent_spreads(tables, tables.arms()[0])


def test_shares_and_reach_are_means_over_seeds_of_first_middle_and_last_layer(tmp_path):
    write(tmp_path, 0)
    write(tmp_path, 1, epochs={0: (8, 0, 0, 0), 9: LATE})
    spreads = spreads_of(tmp_path)
    assert list(spreads) == ["a", "c", "d"]
    start = spreads["c"][0]
    assert list(start.shares) == pytest.approx([(0.125 + 1) / 2, 0.1875, 0.1875, 0.0625])
    assert (start.reach, start.seeds) == (0.5, 2)
    assert list(start.edges) == [-1, -0.5, 0, 0.5, 1]


def test_the_threshold_lies_where_the_share_of_zeros_does():
    shares = np.array([1, 3, 3, 1]) / 8
    assert magnitude_of_share(shares, 0.75) == pytest.approx(0.5)
    assert magnitude_of_share(shares, 0.375) == pytest.approx(0.25)
    assert magnitude_of_share(shares, 1.0) == pytest.approx(1.0)


def test_the_threshold_read_off_is_the_one_that_made_the_zeros():
    weights = np.random.default_rng(0).normal(size=100_000)
    weights /= np.abs(weights).max()
    shares = np.histogram(weights, bins=64, range=(-1, 1))[0] / len(weights)
    zeros = (np.abs(weights) <= 0.07).mean()
    assert magnitude_of_share(shares, zeros) == pytest.approx(0.07, abs=0.001)


def test_each_epoch_is_a_row_over_the_outline_of_the_start(tmp_path):
    write(tmp_path)
    (figure,) = drawn(latent_weights, tmp_path)
    panels = np.array(figure.axes).reshape(-1, 3)
    assert [row[0].get_ylabel() for row in panels] == ["start", "epoch 9"]
    (start,) = panels[0][0].patches
    now, outline = panels[1][0].patches
    assert list(start.get_data().values) == pytest.approx([12.5, 37.5, 37.5, 12.5])
    assert list(now.get_data().values) == pytest.approx([50, 0, 0, 50])
    assert list(outline.get_data().values) == list(start.get_data().values)
    sides = [line.get_xdata()[0] for line in panels[0][0].lines]
    assert sides == pytest.approx([-1 / 6, 1 / 6])  # a quarter of zeros in two even inner bins


def test_at_most_six_epochs_are_shown_the_first_and_the_last_among_them(tmp_path):
    write(tmp_path, epochs=dict.fromkeys(range(10), EARLY))
    (figure,) = drawn(latent_weights, tmp_path)
    labels = [axis.get_ylabel() for axis in figure.axes[::3]]
    assert len(labels) == 6
    assert (labels[0], labels[-1]) == ("start", "epoch 9")


def test_a_network_of_one_layer_has_one_column(tmp_path):
    write(tmp_path, layers=("b",))
    (figure,) = drawn(latent_weights, tmp_path)
    assert len(figure.axes) == 2


def test_without_histograms_of_ttq_there_is_no_figure(tmp_path):
    assert figures_of(latent_weights, tmp_path) == []
    write_trial(tmp_path, "old", seed=5, errors=(20.0,), scales={"a": (1.0, 1.0)})
    assert figures_of(latent_weights, tmp_path) == []
    write(tmp_path, method="ttq-ste")
    write(tmp_path, outcome="diverged")
    assert figures_of(latent_weights, tmp_path) == []


def test_the_files_are_the_same_twice(tmp_path):
    write(tmp_path, layers=("b",))
    assert_same_files_twice(latent_weights, tmp_path)
