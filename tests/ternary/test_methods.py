import pytest
import torch
from torch import nn

from ttq_bench.ternary.conversion import quantize_, quantized_layers
from ttq_bench.ternary.methods import METHODS


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 2))


@pytest.mark.parametrize("name", sorted(METHODS))
def test_every_method_says_where_it_is_published(name):
    assert METHODS[name].source


@pytest.mark.parametrize("name", sorted(METHODS))
def test_every_method_converts_in_place_the_layers_it_says_it_converts(name):
    model = network()

    converted = quantize_(model, name)

    assert converted is model
    assert [layer for layer, _ in quantized_layers(model)] == (
        ["2"] if METHODS[name].is_quantized else []
    )


@pytest.mark.parametrize("name", sorted(METHODS))
def test_every_method_trains_every_parameter(name):
    model = quantize_(network(), name)

    model(torch.ones(3, 4)).square().sum().backward()

    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize("name", sorted(METHODS))
def test_every_method_survives_a_trip_through_a_state_dict(name):
    first, second = quantize_(network(), name), quantize_(network(), name)
    with torch.no_grad():
        for parameter in first.parameters():
            parameter.mul_(1.25)

    second.load_state_dict(first.state_dict())

    assert torch.equal(second(torch.ones(1, 4)), first(torch.ones(1, 4)))


def test_full_precision_changes_no_weight():
    model = network()
    before = {key: value.clone() for key, value in model.state_dict().items()}

    after = quantize_(model, "full_precision").state_dict()

    assert list(after) == list(before)
    assert all(torch.equal(after[key], before[key]) for key in before)
