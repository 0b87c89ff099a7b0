"""A frozen network: plain layers, the same answers, and the converted one untouched."""

import copy
import io
import pickle

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from ttq_bench.export.onnx_file import save_onnx
from ttq_bench.ternary.conversion import latent_of, quantize_, quantized_layers
from ttq_bench.ternary.freezing import freeze_
from ttq_bench.ternary.fused.rows import fuse_
from ttq_bench.ternary.methods import METHODS
from ttq_bench.ternary.strategies import DeltaStrategy

IMAGES = torch.randn(3, 2, 8, 8, generator=torch.Generator().manual_seed(1))
SPARSE = DeltaStrategy("constant_sparsity", 0.5)


def network(method="ttq", **options):
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(),
        nn.Linear(64, 8), nn.Linear(8, 3),
    )  # fmt: skip
    return quantize_(model.to(memory_format=torch.channels_last), method, **options).eval()


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize(
    ("method", "options"),
    [
        *((name, {}) for name in sorted(METHODS)),
        ("ttq", {"granularity": "channel"}),
        ("ttq", {"normalise_latent": "tanh"}),
    ],
)
def test_a_frozen_copy_answers_as_the_network_and_leaves_it_alone(method, options, fused):
    model = network(method, **options)
    model = fuse_(model) if fused else model
    expected, names = model(IMAGES), list(model.state_dict())

    frozen = [freeze_(copy.deepcopy(model)) for _ in range(2)]

    for one in frozen:
        assert torch.equal(one(IMAGES), expected)
        assert quantized_layers(one) == []
        assert [type(m) for m in one] == [
            nn.Conv2d, nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.Flatten, nn.Linear, nn.Linear,
        ]  # fmt: skip
        assert not {**one._forward_pre_hooks, **one._forward_hooks}
    assert torch.equal(model(IMAGES), expected)
    assert list(model.state_dict()) == names
    assert frozen[0][1].weight.is_contiguous(memory_format=torch.channels_last)


def test_a_frozen_network_is_pickled_and_its_state_loads_into_a_plain_one():
    frozen = freeze_(network())
    stream = io.BytesIO()
    torch.save(frozen, stream)
    stream.seek(0)

    for back in (pickle.loads(pickle.dumps(frozen)), torch.load(stream, weights_only=False)):
        assert torch.equal(back(IMAGES), frozen(IMAGES))
    plain = nn.Sequential(*(type(m)(*arguments) for m, arguments in zip(frozen, [
        (2, 4, 3), (4, 4, 3), (4,), (), (), (64, 8), (8, 3),
    ], strict=True)))  # fmt: skip
    plain.load_state_dict(frozen.state_dict())
    torch.testing.assert_close(plain.eval()(IMAGES), frozen(IMAGES))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the exporters warn of their own calls
@pytest.mark.parametrize("strategy", [SPARSE, DeltaStrategy("max_fraction", 0.1)])
def test_networks_of_ones_own_are_exported(strategy, tmp_path):
    model = fuse_(network("ttq", strategy=strategy))

    assert save_onnx(tmp_path / "network.onnx", model, (2, 8, 8)) < 1e-4
    exported = torch.export.export(freeze_(copy.deepcopy(model)), (IMAGES,)).module()

    torch.testing.assert_close(exported(IMAGES), model(IMAGES))
    assert len(quantized_layers(model)) == 2


def test_another_parametrization_of_the_layer_stays():
    model = network()
    nn.utils.parametrize.register_parametrization(model[5], "bias", nn.Tanh())
    expected = model(IMAGES)

    frozen = freeze_(copy.deepcopy(model))

    assert torch.equal(frozen(IMAGES), expected)
    assert torch.equal(model(IMAGES), expected)
    assert nn.utils.parametrize.is_parametrized(frozen[5], "bias")
    assert isinstance(frozen[5].weight, nn.Parameter)


def test_latent_weights_that_were_not_trained_stay_so():
    model = network()
    latent_of(model[1]).requires_grad_(False)

    frozen = freeze_(model)

    assert [frozen[1].weight.requires_grad, frozen[5].weight.requires_grad] == [False, True]


def test_a_network_that_is_not_quantized_stays_as_it_is():
    model = nn.Sequential(parametrizations.weight_norm(nn.Linear(2, 2)))

    assert freeze_(model) is model
    assert nn.utils.parametrize.is_parametrized(model[0], "weight")


def test_a_layer_of_a_fused_network_can_be_frozen_alone():
    torch.manual_seed(0)
    model = nn.Sequential(*(nn.Linear(4, 4) for _ in range(5)))
    fuse_(quantize_(model, "ttq"))
    inputs = torch.randn(2, 4)
    before = model(inputs)

    freeze_(model[2])

    assert torch.equal(model(inputs), before)
    assert [name for name, _ in quantized_layers(model)] == ["1", "3"]
