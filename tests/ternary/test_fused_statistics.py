"""Statistics of all layers at once against layer by layer: equal, means to rounding."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ttq_bench.ternary.fused import ROW, Layout
from ttq_bench.ternary.fused_statistics import AT_ONCE, mean_magnitudes
from ttq_bench.ternary.thresholds import THRESHOLDS

CPU = torch.device("cpu")
COUNTS = (1, 7, ROW, ROW + 1, 3 * ROW - 5)


def rows_and_layers(layers):
    layout = Layout([len(layer) for layer in layers], CPU, at_once=True)
    return layout, layout.rows(layers)


@pytest.mark.parametrize("number", [0.0, 0.05, 0.3, 0.5, 0.99])
@pytest.mark.parametrize("name", sorted(THRESHOLDS))
def test_thresholds_are_those_of_each_layer_alone(name, number):
    layers = [
        torch.randn(count, generator=torch.Generator().manual_seed(count)) for count in COUNTS
    ]
    layout, rows = rows_and_layers(layers)

    found = AT_ONCE[name](rows.abs(), number, layout)

    wanted = torch.stack([THRESHOLDS[name].threshold(layer, number, None) for layer in layers])
    if name == "mean_fraction":
        torch.testing.assert_close(found, wanted)
    else:
        assert torch.equal(found, wanted)


def test_every_rule_has_its_form_for_all_layers():
    assert set(AT_ONCE) == set(THRESHOLDS)


VALUES = st.lists(st.sampled_from([0.0, -0.0, 0.25, -0.25, 1.0, -3.0]), min_size=1, max_size=40)


@settings(deadline=None, max_examples=60)
@given(st.lists(VALUES, min_size=1, max_size=4), st.floats(0, 0.999))
def test_ties_and_zeros_are_selected_as_layer_by_layer(values, sparsity):
    layers = [torch.tensor(numbers) for numbers in values]
    layout, rows = rows_and_layers(layers)
    rule = THRESHOLDS["constant_sparsity"].threshold

    found = AT_ONCE["constant_sparsity"](rows.abs(), sparsity, layout)

    assert torch.equal(found, torch.stack([rule(layer, sparsity, None) for layer in layers]))


def test_a_moving_sparsity_is_followed():
    layers = [torch.arange(1.0, 101), torch.arange(1.0, 11)]
    layout, rows = rows_and_layers(layers)

    for sparsity in (0.1, 0.5, 0.2):
        found = AT_ONCE["constant_sparsity"](rows, sparsity, layout).tolist()
        assert found == [round(100 * sparsity), round(10 * sparsity)]


def test_means_are_over_the_members_and_zero_over_none():
    layers = [torch.tensor([-3.0, 1.0, 2.0]), torch.tensor([4.0, 5.0])]
    layout, rows = rows_and_layers(layers)
    members = layout.rows([torch.tensor([1.0, 0.0, 1.0]), torch.zeros(2)])

    assert mean_magnitudes(rows, members, layout).tolist() == [2.5, 0.0]
