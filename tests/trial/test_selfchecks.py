import math

import pytest

from ttq_bench.training.recipe import Recipe
from ttq_bench.trial.selfchecks import gauge_check


def row(epoch, layer, positive, negative, residue, *, path=0.0):
    gauged = not layer.startswith("free")
    return {
        "epoch": epoch, "layer": layer, "gauge_residue": residue, "scale_path": path,
        "scale_squares": positive**2 + negative**2 if gauged else None,
        "scale_sum": positive + negative if gauged else None,
    }  # fmt: skip


ROWS = [
    row(0, "a", 1.0, 1.0, None), row(0, "b", 1.0, 1.0, None), row(0, "free", 1.0, 1.0, None),
    row(1, "a", 1.2, 0.8, 0.02), row(1, "b", 1.0, 1.0, 0.01), row(1, "free", 9.0, 9.0, None),
    row(2, "a", 1.1, 0.9, 0.03), row(2, "b", 0.6, 0.8, 0.01), row(2, "free", 9.0, 9.0, None),
]  # fmt: skip


def test_only_gauged_layers_count_and_the_worst_residue_stands_for_all():
    gauge = gauge_check(ROWS, Recipe(epochs=2), steps_per_epoch=10)

    assert (gauge.layers, gauge.largest_residue) == (2, 0.03)


def test_under_sgd_the_size_is_the_sum_of_squares():
    gauge = gauge_check(ROWS, Recipe(epochs=2), steps_per_epoch=10)

    assert gauge.size == "W_p^2 + W_n^2"
    assert (gauge.seen_low, gauge.seen_high) == (pytest.approx(0.5), pytest.approx(1.01))
    assert gauge.predicted_factor == 1.0


def test_under_adam_it_is_the_sum():
    gauge = gauge_check(ROWS, Recipe(epochs=2, optimizer="adam"), steps_per_epoch=10)

    assert gauge.size == "W_p + W_n"
    assert (gauge.seen_low, gauge.seen_high) == (pytest.approx(0.7), pytest.approx(1.0))


def test_decay_and_the_length_of_the_steps_together_explain_the_size():
    recipe = Recipe(epochs=2, momentum=0.5, learning_rate=0.01, weight_decay=0.5, decay_scales=True)
    decay = math.exp(-2 * 10 * 0.01 * 0.5 / 0.5)
    first = 2 * decay + 3 * 0.1
    rows = [
        row(0, "a", 1.0, 1.0, None), row(1, "a", math.sqrt(first), 0.0, 0.0, path=0.1),
        row(2, "a", math.sqrt(1.1 * (first * decay + 3 * 0.2)), 0.0, 0.0, path=0.2),
    ]  # fmt: skip

    gauge = gauge_check(rows, recipe, steps_per_epoch=10)

    assert gauge.ratio_low == gauge.ratio_high == pytest.approx(1.1)
    assert gauge.predicted_factor == pytest.approx(decay**2)


def test_a_residue_that_is_not_a_number_counts_as_the_largest():
    rows = [row(0, "c", 1.0, 1.0, None), *ROWS, row(2, "c", 1.0, 1.0, math.nan)]

    assert math.isnan(gauge_check(rows, Recipe(epochs=2), 10).largest_residue)


def test_decay_is_predicted_as_on_the_logs_of_the_authors():
    # Their ResNet-20: rate 0.001 for epochs 124 to 300 of 390 steps, decay 2e-4, momentum 0.9.
    recipe = Recipe(epochs=177, learning_rate=0.001, weight_decay=2e-4, decay_scales=True)
    rows = [row(epoch, "a", 1, 1, 0.0 if epoch else None) for epoch in range(178)]

    gauge = gauge_check(rows, recipe, steps_per_epoch=390)

    assert gauge.predicted_factor == pytest.approx(math.exp(-2 * 177 * 390 * 1e-3 * 2e-4 / 0.1))
    assert round(gauge.predicted_factor, 2) == 0.76


def test_nothing_is_predicted_for_scales_that_follow_the_printed_sign():
    gauge = gauge_check(ROWS, Recipe(epochs=2), steps_per_epoch=10, as_printed=True)

    assert (gauge.predicted_factor, gauge.ratio_low, gauge.layers) == (None, None, 2)


def test_nothing_is_predicted_for_nesterov_and_nothing_checked_without_the_start():
    gauge = gauge_check(ROWS, Recipe(epochs=2, nesterov=True), steps_per_epoch=10)

    assert (gauge.ratio_low, gauge.predicted_factor) == (None, None)
    assert gauge_check(ROWS[3:], Recipe(epochs=2), steps_per_epoch=10) is None


def test_there_is_no_such_law_for_decay_under_adam():
    recipe = Recipe(epochs=2, optimizer="adam", decay_scales=True)

    assert gauge_check(ROWS, recipe, steps_per_epoch=10).predicted_factor is None


def test_without_gauged_layers_there_is_nothing_to_check():
    rows = [r for r in ROWS if r["layer"] == "free"]

    assert gauge_check(rows, Recipe(epochs=2), steps_per_epoch=10) is None
