import pytest
import torch
from torch import nn

from tests.rule_numbers import number_of
from ttq_bench.errors import TtqBenchError
from ttq_bench.ternary.choice import layers_to_quantize
from ttq_bench.ternary.conversion import (
    latent_of,
    quantize_,
    quantized_layers,
    quantizer_of,
    set_epoch_,
)
from ttq_bench.ternary.strategies import DeltaStrategy
from ttq_bench.ternary.thresholds import THRESHOLDS


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.Conv2d(4, 6, 3),
        nn.BatchNorm2d(6),
        nn.Flatten(),
        nn.Linear(6 * 4 * 4, 8),
        nn.Linear(8, 2),
    )


@pytest.mark.parametrize("strategy", sorted(THRESHOLDS))
def test_the_weight_of_a_converted_layer_is_ternary(strategy):
    model = quantize_(network(), "ttq", DeltaStrategy(strategy, number_of(strategy, 0.05)))
    with torch.no_grad():
        quantizer_of(model[1]).positive_scale.fill_(0.5)
        quantizer_of(model[1]).negative_scale.fill_(0.25)

    assert set(model[1].weight.unique().tolist()) == {-0.25, 0.0, 0.5}


def test_latent_weights_are_kept_as_they_were():
    original = network()[1].weight

    layer = quantize_(network(), "ttq")[1]

    assert torch.equal(layer.parametrizations.weight.original, original)
    assert latent_of(layer) is layer.parametrizations.weight.original


def test_the_parametrization_owns_one_pair_of_scales_that_start_at_one():
    layer = quantize_(network(), "ttq")[1]
    owner = layer.parametrizations.weight[0]

    assert owner is quantizer_of(layer)
    assert (owner.positive_scale.item(), owner.negative_scale.item()) == (1.0, 1.0)
    assert owner.positive_scale.shape == owner.negative_scale.shape == (1,)


@pytest.mark.parametrize(
    ("keep_first", "keep_last", "expected"),
    [
        (True, True, ["1", "4"]),
        (False, True, ["0", "1", "4"]),
        (True, False, ["1", "4", "5"]),
        (False, False, ["0", "1", "4", "5"]),
    ],
)
def test_first_and_last_layer_are_converted_when_asked(keep_first, keep_last, expected):
    model = quantize_(network(), "ttq", keep_first=keep_first, keep_last=keep_last)

    assert [name for name, _ in quantized_layers(model)] == expected
    assert torch.equal(model[0].weight, network()[0].weight) == keep_first
    assert torch.equal(model[5].weight, network()[5].weight) == keep_last


def test_first_and_last_layer_stay_full_precision_by_default():
    assert [name for name, _ in quantized_layers(quantize_(network(), "ttq"))] == ["1", "4"]


def test_layers_named_by_a_pattern_stay_full_precision():
    model = quantize_(network(), "ttq", keep_first=False, keep=["[45]"])

    assert [name for name, _ in quantized_layers(model)] == ["0", "1"]


@pytest.mark.parametrize(
    ("method", "granularity", "shape"),
    [
        ("ttq", "published", (1,)), ("ttq", "channel", (6, 1, 1, 1)), ("ttq", "layer", (1,)),
        ("bwn", "published", (6, 1, 1, 1)), ("bwn", "layer", ()),
    ],
)  # fmt: skip
def test_scales_have_the_granularity_that_was_asked_for(method, granularity, shape):
    layer = quantize_(network(), method, granularity=granularity)[1]

    _, _, (positive_scale, negative_scale) = quantizer_of(layer).parts(latent_of(layer))
    assert positive_scale.shape == negative_scale.shape == shape


def test_an_epoch_moves_the_number_and_renews_a_held_threshold_when_it_begins():
    ramp = DeltaStrategy("constant_sparsity", 0.5, start=0.1, ramp_epochs=4.0, update="epoch")
    model = quantize_(network(), "ttq", ramp)
    owner = quantizer_of(model[1])

    def zeros():
        return (model[1].weight == 0).float().mean().item()

    assert zeros() == pytest.approx(0.1, abs=0.01)
    set_epoch_(model, 2.0)
    assert owner.number == pytest.approx(0.3)
    assert zeros() == pytest.approx(0.1, abs=0.01)
    set_epoch_(model, 2.0, begins=True)
    assert zeros() == pytest.approx(0.3, abs=0.01)


def test_a_held_threshold_travels_with_the_state_of_the_network():
    held = DeltaStrategy("max_fraction", 0.3, update="epoch")
    first, second = quantize_(network(), "ttq", held), quantize_(network(), "ttq", held)
    with torch.no_grad():
        latent_of(first[1]).mul_(0.5)  # the held threshold stays: more zeros
    second.load_state_dict(first.state_dict())

    assert torch.equal(second[1].weight, first[1].weight)
    assert (first[1].weight == 0).sum() > (quantize_(network(), "ttq", held)[1].weight == 0).sum()


def test_normalised_latent_weights_are_the_old_ones_over_their_largest_magnitude():
    original = network()[1].weight

    layer = quantize_(network(), "ttq", normalise_latent="max")[1]
    normalised = quantizer_of(layer).normalised(latent_of(layer))

    assert torch.equal(latent_of(layer), original)
    torch.testing.assert_close(normalised, original / original.abs().max())


def test_normalising_divides_the_gradient_of_the_latent_weights_and_moves_no_weight():
    plain, normalised = (
        quantize_(network(), "ttq", normalise_latent=choice) for choice in (False, "max")
    )
    for model in (plain, normalised):
        model[1].weight.sum().backward()

    assert torch.equal(plain[1].weight, normalised[1].weight)
    assert torch.equal(plain[5].weight, normalised[5].weight)
    torch.testing.assert_close(
        latent_of(normalised[1]).grad,
        latent_of(plain[1]).grad / latent_of(plain[1]).abs().max(),
    )


def test_tanh_gives_the_codes_of_the_latent_weights_under_a_constant_sparsity():
    strategy = DeltaStrategy("constant_sparsity", 0.5)
    plain, bent = (
        quantize_(network(), "ttq", strategy, normalise_latent=choice) for choice in (False, "tanh")
    )
    for model in (plain, bent):
        model[1].weight.sum().backward()

    assert torch.equal(plain[1].weight, bent[1].weight)
    slope = 1 - latent_of(bent[1]).tanh().square()
    torch.testing.assert_close(latent_of(bent[1]).grad, latent_of(plain[1]).grad * slope)


def test_a_layer_of_zeros_can_be_normalised():
    model = network()
    nn.init.zeros_(model[1].weight)

    quantize_(model, "ttq", normalise_latent="max")
    model[1].weight.sum().backward()

    assert latent_of(model[1]).abs().max().item() == 0.0
    assert latent_of(model[1]).grad.abs().max().item() == 1.0


@pytest.mark.parametrize("method", ["twn", "bwn", "dorefa-w1"])
def test_methods_whose_sources_have_no_normalisation_do_without(method):
    plain, asked = (quantize_(network(), method, normalise_latent=c) for c in (False, "max"))

    assert torch.equal(asked[1].weight, plain[1].weight)


def test_first_and_last_are_those_that_are_used_first_and_last():
    class HeadFirst(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head, self.middle = nn.Linear(4, 2), nn.Linear(4, 4)
            self.stem = nn.Linear(3, 4)

        def forward(self, features):
            return self.head(self.middle(self.stem(features)))

    model = HeadFirst()
    assert layers_to_quantize(model) == ["middle"]
    model.unused = nn.Linear(2, 2)  # the order of use is not known for all: as registered
    assert layers_to_quantize(model) == ["middle", "stem"]
    del model.unused
    assert layers_to_quantize(HeadFirst(), keep_last=False) == ["middle", "head"]


def test_least_squares_scales_fit_the_latent_weights_before_they_are_normalised():
    model = quantize_(network(), "ttq", initial_scales="least_squares", normalise_latent="max")
    owner, latent = quantizer_of(model[1]), latent_of(model[1]).detach()

    assert owner.positive_scale.item() == pytest.approx(latent[model[1].weight > 0].mean().item())
    assert owner.negative_scale.item() == pytest.approx(-latent[model[1].weight < 0].mean().item())


def test_latent_weights_stay_channels_last_and_so_do_the_ternary_ones():
    model = network().to(memory_format=torch.channels_last)

    layer = quantize_(model, "ttq")[1]

    assert latent_of(layer).is_contiguous(memory_format=torch.channels_last)
    assert layer.weight.is_contiguous(memory_format=torch.channels_last)


def test_a_bfloat16_network_gets_bfloat16_weights_and_single_precision_scales():
    layer = quantize_(network().bfloat16(), "ttq")[1]

    assert layer.weight.dtype == torch.bfloat16
    assert quantizer_of(layer).positive_scale.dtype == torch.float32


def test_scales_live_on_the_device_of_their_layer(device):
    model = quantize_(network().to(device), "ttq")

    model(torch.ones(2, 1, 8, 8, device=device)).sum().backward()

    assert quantizer_of(model[1]).negative_scale.grad.device == latent_of(model[1]).device


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "tqt"}, "unknown method 'tqt'; did you mean 'ttq'"),
        (
            {"strategy": DeltaStrategy("max_fracton", 0.1)},
            "'max_fracton'; did you mean 'max_fraction'",
        ),
        ({"initial_scales": "least_square"}, "'least_square'; did you mean 'least_squares'"),
        ({"granularity": "chanel"}, "granularity 'chanel'; did you mean 'channel'"),
        ({"normalise_latent": True}, "normalise_latent 'True' .allowed: False, max, tanh"),
        ({"strategy": None}, "method 'ttq' needs a delta strategy, got None"),
        ({"keep": ["layer9*"]}, "keep: 'layer9\\*' matches no layer of"),
        ({"keep": ["*"]}, "of 4 weighted layers there is none to convert"),
        (
            {"strategy": DeltaStrategy("max_fraction", 0.1, start=0.2)},
            "start and ramp_epochs .above 0. come together",
        ),
        ({"strategy": DeltaStrategy("max_fraction", 0.1, ramp_epochs=2.0)}, "come together"),
        ({"strategy": DeltaStrategy("max_fraction", 0.1, ramp_epochs=-3.0)}, "come together"),
        (
            {"strategy": DeltaStrategy("max_fraction", 0.1, update="epochs")},
            "unknown update 'epochs'; did you mean 'epoch'",
        ),
        ({"strategy": DeltaStrategy("max_fraction", 0.1, start=1.0, ramp_epochs=2.0)}, "got 1"),
        ({"strategy": DeltaStrategy("max_fraction", 1.0)}, "max_fraction takes a .*; got 1"),
        ({"strategy": DeltaStrategy("max_fraction", -0.1)}, "max_fraction takes a .*; got -0.1"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_converted(arguments, message):
    model = network()

    with pytest.raises(TtqBenchError, match=f"quantize_: .*{message}"):
        quantize_(model, **{"method": "ttq", **arguments})

    assert quantized_layers(model) == []


@pytest.mark.parametrize("ask", [quantizer_of, latent_of])
@pytest.mark.parametrize("change", [nn.Identity(), nn.utils.parametrizations.weight_norm])
def test_a_layer_that_is_not_quantized_is_told_in_one_sentence(ask, change):
    layer = change(nn.Linear(2, 2))

    assert quantized_layers(nn.Sequential(layer)) == []
    with pytest.raises(TtqBenchError, match=r"is not quantized: quantized_layers\(model\) names"):
        ask(layer)


def test_layers_that_share_their_weights_share_their_scales():
    torch.manual_seed(0)
    model = nn.Sequential(*(nn.Linear(4, 4) for _ in range(4)))
    model[2].weight = model[1].weight
    quantize_(model, "ttq")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        model(torch.randn(8, 4)).square().mean().backward()
        optimizer.step()

    assert quantizer_of(model[1]) is quantizer_of(model[2])
    assert torch.equal(model[1].weight, model[2].weight)
    assert latent_of(model[1]) is latent_of(model[2])
    with pytest.raises(TtqBenchError, match="expected begins=True or False; got 'no'"):
        set_epoch_(model, 1, begins="no")
