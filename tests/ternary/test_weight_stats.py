import math

import pytest
import torch
from torch import nn

from tests.rule_numbers import number_of
from ttq_bench.ternary.conversion import quantize_, quantizer_of
from ttq_bench.ternary.strategies import DeltaStrategy
from ttq_bench.ternary.thresholds import THRESHOLDS
from ttq_bench.ternary.weight_stats import layer_statistics, log_ratio, sparsity


def network() -> nn.Sequential:
    model = nn.Sequential(nn.Linear(2, 5), nn.Linear(5, 2), nn.Linear(2, 1), nn.Linear(1, 1))
    with torch.no_grad():
        model[1].weight.copy_(torch.tensor([[1.0, 0.8, 0.6, -0.9, 0.1], [0.0] * 5]))
        model[2].weight.copy_(torch.tensor([[0.5, 0.4]]))
    quantize_(model, "ttq", DeltaStrategy("max_fraction", 0.5))
    with torch.no_grad():
        quantizer_of(model[1]).positive_scale.fill_(2.0)
        quantizer_of(model[1]).negative_scale.fill_(0.5)
    return model


def test_statistics_of_one_layer_are_those_counted_by_hand():
    first = layer_statistics(network())[0]

    assert (first.layer, first.weight_count, first.feeds_batch_norm) == ("1", 10, "no")
    assert (first.positive_share, first.zero_share, first.negative_share) == (0.3, 0.6, 0.1)
    assert (first.positive_scale, first.negative_scale) == (2.0, 0.5)
    assert first.rho == pytest.approx(math.log(4))
    assert first.threshold == 0.5


def test_layers_come_in_network_order():
    assert [layer.layer for layer in layer_statistics(network())] == ["1", "2"]


def test_sparsity_counts_weights_and_not_layers():
    assert sparsity(layer_statistics(network())) == pytest.approx(6 / 12)


def test_a_full_precision_network_has_no_statistics_and_no_sparsity():
    found = layer_statistics(nn.Sequential(nn.Linear(2, 2)))

    assert found == []
    assert math.isnan(sparsity(found))


@pytest.mark.parametrize("strategy", sorted(THRESHOLDS))
def test_shares_agree_with_the_weights_that_the_layer_uses(strategy):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 7), nn.Linear(7, 9), nn.Linear(9, 2))
    quantize_(model, "ttq", DeltaStrategy(strategy, number_of(strategy, 0.05)))
    weight = model[1].weight

    (found,) = layer_statistics(model)

    assert found.positive_share == (weight > 0).sum().item() / 63
    assert found.zero_share == (weight == 0).sum().item() / 63
    assert found.negative_share == (weight < 0).sum().item() / 63


def test_statistics_leave_the_network_as_it_was():
    model = network()
    before = {key: value.clone() for key, value in model.state_dict().items()}

    layer_statistics(model)

    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_log_ratio_is_positive_where_the_positive_scale_is_larger():
    assert log_ratio(math.e, 1.0) == pytest.approx(1.0)
    assert log_ratio(1.0, math.e) == pytest.approx(-1.0)


@pytest.mark.parametrize("scales", [(-1.0, 1.0), (1.0, -1.0), (-1.0, -1.0), (0.0, 1.0), (1.0, 0.0)])
def test_log_ratio_is_nan_where_a_scale_is_not_positive(scales):
    assert math.isnan(log_ratio(*scales))


def test_log_ratio_of_scales_that_are_not_numbers_is_nan():
    assert math.isnan(log_ratio(math.nan, 1.0))


def test_scales_of_channels_are_averaged_and_their_least_is_kept():
    model = nn.Sequential(nn.Linear(2, 5), nn.Linear(5, 2), nn.Linear(2, 1))
    quantize_(model, "ttq", granularity="channel")
    with torch.no_grad():
        quantizer_of(model[1]).positive_scale.copy_(torch.tensor([[1.0], [3.0]]))
        quantizer_of(model[1]).negative_scale.copy_(torch.tensor([[1.0], [0.5]]))

    (found,) = layer_statistics(model)

    assert (found.positive_scale, found.negative_scale) == (2.0, 0.75)
    assert found.rho == pytest.approx(math.log(6) / 2)
    assert found.smallest_scale == 0.5
