import pytest
import torch

from tests.tiers import slow_but
from ttq_bench.errors import TtqBenchError
from ttq_bench.models.build import build_model
from ttq_bench.models.catalog import MODELS


@pytest.mark.parametrize(
    "name", slow_but(("lenet5", "preact_resnet20", "resnet20"), sorted(MODELS))
)
def test_weights_depend_on_the_seed_alone_and_the_global_random_state_is_untouched(name):
    torch.manual_seed(1)
    first = build_model(name, classes=10, seed=3).state_dict()
    torch.manual_seed(2)
    before = torch.get_rng_state()

    again, other = (build_model(name, classes=10, seed=seed).state_dict() for seed in (3, 4))

    assert torch.equal(torch.get_rng_state(), before)
    for key, weights in first.items():
        assert torch.equal(again[key], weights), key
        assert weights.ndim < 2 or not torch.equal(other[key], weights), key


def test_an_unknown_model_is_answered_with_the_nearest_name():
    with pytest.raises(TtqBenchError, match="unknown model 'resnet-20'; did you mean 'resnet20'"):
        build_model("resnet-20", classes=10, seed=0)
