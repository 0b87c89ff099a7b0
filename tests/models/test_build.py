import pytest
import torch
from torch import nn

from tests.tiers import slow_but
from ttq_bench.errors import TtqBenchError
from ttq_bench.models.build import build_model
from ttq_bench.models.catalog import MODELS

SMALL = ("lenet5", "preact_resnet20", "resnet20")
every_model = pytest.mark.parametrize("name", slow_but(SMALL, sorted(MODELS)))


def equal(first: nn.Module, second: nn.Module) -> bool:
    states = first.state_dict(), second.state_dict()
    return all(torch.equal(states[0][key], states[1][key]) for key in states[0] | states[1])


@every_model
def test_one_seed_gives_the_same_weights_whatever_was_drawn_before(name):
    torch.manual_seed(1)
    first = build_model(name, classes=10, seed=3)
    torch.manual_seed(2)

    assert equal(build_model(name, classes=10, seed=3), first)


@every_model
def test_another_seed_gives_other_weights_in_every_layer(name):
    first, second = (build_model(name, classes=10, seed=seed).state_dict() for seed in (3, 4))

    for key in (key for key in first if first[key].ndim > 1):
        assert not torch.equal(first[key], second[key])


@every_model
def test_building_leaves_the_global_random_state_untouched(name):
    before = torch.get_rng_state()

    build_model(name, classes=10, seed=3)

    assert torch.equal(torch.get_rng_state(), before)


def test_an_unknown_model_is_answered_with_the_nearest_name():
    with pytest.raises(TtqBenchError, match="unknown model 'resnet-20'; did you mean 'resnet20'"):
        build_model("resnet-20", classes=10, seed=0)
