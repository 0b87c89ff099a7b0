"""All layers at once against layer by layer: the same to the bit on a CPU, and the same network."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ttq_bench.models.build import build_model
from ttq_bench.models.catalog import MODELS
from ttq_bench.ternary.conversion import (
    latent_of,
    quantize_,
    quantized_layers,
    quantizer_of,
    set_epoch_,
)
from ttq_bench.ternary.fused import ROW, Layout, fuse_
from ttq_bench.ternary.methods import METHODS
from ttq_bench.ternary.strategies import DeltaStrategy
from ttq_bench.training import bfloat16
from ttq_bench.training.evaluation import autocast

QUANTIZED = sorted(name for name in METHODS if METHODS[name].is_quantized)
STRATEGIES = {
    "max_fraction": DeltaStrategy("max_fraction", 0.05),
    "constant_sparsity": DeltaStrategy("constant_sparsity", 0.5),
    "held": DeltaStrategy("constant_sparsity", 0.5, update="epoch"),
    "moving": DeltaStrategy("max_fraction", 0.2, start=0.0, ramp_epochs=2.0),
}
STEPS = 3


def network(architecture="resnet20", channels_last=True):
    model = build_model(architecture, classes=10, seed=0)
    # ResNet-18 takes images of any size; those of its card would cost seconds.
    shape = (8, *((3, 64, 64) if architecture == "resnet18" else MODELS[architecture].image_shape))
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
    return model, torch.randn(shape, generator=torch.Generator().manual_seed(1))


def train(model, images, device="cpu", precision="fp32"):
    """Train some steps; return losses and all parameters."""
    model.to(device)
    images, labels = images.to(device), torch.arange(len(images), device=device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    losses = []
    for step in range(STEPS):
        set_epoch_(model, step / 2, begins=step == 2)
        with autocast(images.device, precision):
            logits = model(images)
        loss = F.cross_entropy(logits.float(), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, dict(model.named_parameters())


def is_prepared(model, images):
    """Return whether layers find their weights made while the network is called."""
    seen = []
    layers = [layer for _, layer in quantized_layers(model)]
    hooks = [
        layer.register_forward_pre_hook(
            lambda layer, _: seen.append(quantizer_of(layer).prepared is not None)
        )
        for layer in layers
    ]
    with torch.no_grad():
        copy.deepcopy(model).eval()(images)
    for hook in hooks:
        hook.remove()
    return bool(seen) and all(seen)


def assert_same_training(make, expect_fused, precision="fp32", **options):
    plain, images = make()
    quantize_(plain, **options)
    together = fuse_(copy.deepcopy(plain))
    assert is_prepared(together, images) == expect_fused

    found, wanted = (train(model, images, precision=precision) for model in (together, plain))

    assert found[0] == wanted[0]
    for name, parameter in wanted[1].items():
        assert torch.equal(found[1][name], parameter), name


@pytest.mark.parametrize("name", QUANTIZED)
def test_every_method_trains_to_the_same_bits_as_layer_by_layer(name):
    assert_same_training(network, name != "bwn", method=name)


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
def test_every_kind_of_strategy_trains_to_the_same_bits(strategy):
    assert_same_training(network, True, method="ttq", strategy=STRATEGIES[strategy])


@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("architecture", ["lenet5", "preact_resnet20", "resnet18", "vgg_small"])
def test_other_networks_and_memory_formats_train_to_the_same_bits(architecture, channels_last):
    # LeNet's layers do not fill whole rows; all but the first convolution and the last are linear.
    assert_same_training(
        lambda: network(architecture, channels_last), True,
        method="ttq", initial_scales="least_squares", keep_last=False,
    )  # fmt: skip


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
def test_latent_weights_over_their_largest_train_to_the_same_bits(strategy):
    assert_same_training(
        network, True, method="ttq", strategy=STRATEGIES[strategy], normalise_latent="max"
    )


def kinds_of_weights(model, images):
    """Return the kinds of numbers that quantized layers find as their weights in a call."""
    found = set()
    for _, layer in quantized_layers(model):
        layer.register_forward_pre_hook(lambda layer, _: found.add(layer.weight.dtype))
    with torch.no_grad():
        model(images)
    return found


@pytest.mark.parametrize(
    ("kind", "is_on", "found"),
    [
        (torch.float32, True, torch.bfloat16),
        (torch.float32, False, torch.float32),
        (torch.float64, True, torch.float64),  # autocast leaves it as it is
    ],
)
def test_layers_find_weights_that_autocast_has_not_to_round(kind, is_on, found):
    model, images = network("lenet5")
    model = fuse_(quantize_(model.to(kind), "ttq"))

    with torch.autocast("cpu", enabled=is_on):
        assert kinds_of_weights(model, images.to(kind)) == {found}


def test_a_layer_called_without_autocast_has_weights_that_are_not_rounded():
    class Inside(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, numbers):
            with torch.autocast("cpu", enabled=False):
                return self.layer(numbers.float())

    model = fuse_(quantize_(nn.Sequential(nn.Linear(4, 4), Inside(), nn.Linear(4, 4)), "ttq"))

    with torch.autocast("cpu"):
        assert kinds_of_weights(model, torch.randn(2, 4)) == {torch.float32}


def test_a_fused_network_without_numbers_can_be_called():
    model, images = network("lenet5")
    model = fuse_(quantize_(model, "ttq")).to("meta")

    assert model(images.to("meta")).shape == (len(images), 10)


@pytest.mark.parametrize("has_instructions", [True, False])
@pytest.mark.parametrize("architecture", ["resnet20", "lenet5"])
def test_rounding_all_weights_at_once_for_autocast_trains_to_the_same_bits(
    architecture, has_instructions, monkeypatch
):
    if has_instructions and not bfloat16.has_instructions():
        pytest.skip("this processor has none for bfloat16, and takes ten times as long without")
    monkeypatch.setattr(bfloat16, "has_instructions", lambda: has_instructions)
    assert_same_training(lambda: network(architecture), True, "bf16", method="ttq")


def test_layers_in_groups_train_to_the_same_bits():
    torch.manual_seed(0)
    groups = nn.Conv2d(6, 9, 3, groups=3, bias=False)  # as in AlexNet: fewer inputs than channels
    ends = nn.Conv2d(3, 6, 3), nn.Linear(9, 10)
    model = nn.Sequential(
        ends[0], groups, nn.BatchNorm2d(9), nn.AdaptiveMaxPool2d(1), nn.Flatten(), ends[1]
    )
    images = torch.randn(8, 3, 9, 9)

    assert_same_training(lambda: (copy.deepcopy(model), images), True, method="ttq")


@pytest.mark.parametrize(
    "options",
    [
        {"granularity": "channel"},
        {"normalise_latent": "tanh"},
        {"method": "bwn", "granularity": "layer"},
        {"method": "bwn"},
        {"method": "full_precision"},
    ],
)
def test_layers_with_a_step_of_their_own_stay_layer_by_layer(options):
    assert_same_training(network, False, **{"method": "ttq"} | options)


def test_a_network_whose_layers_follow_different_rules_stays_layer_by_layer():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4))
    quantize_(model, "ttq")
    quantizer_of(model[2]).strategy = DeltaStrategy("max_fraction", 0.5)

    assert not fuse_(model)._forward_pre_hooks


def test_weights_outside_a_call_follow_the_latent_weights_and_scales_of_now():
    model, images = network()
    fuse_(quantize_(model, "ttq"))
    model(images)
    _, layer = quantized_layers(model)[3]

    with torch.no_grad():
        latent_of(layer).neg_()
        quantizer_of(layer).positive_scale.fill_(3.0)

    assert layer.weight.max().item() == 3.0
    assert torch.equal(layer.weight, quantizer_of(layer)(latent_of(layer)))
    model.eval()
    logits = model(images)
    layer.register_forward_pre_hook(lambda *_: None)
    assert torch.equal(model(images), logits)


def test_nothing_is_kept_when_a_call_fails():
    model, images = network()
    fuse_(quantize_(model, "ttq"))

    with pytest.raises(RuntimeError):
        model(images[:, :1])

    assert all(quantizer_of(layer).prepared is None for _, layer in quantized_layers(model))


def test_a_copy_computes_with_its_own_latent_weights():
    model, images = network()
    fuse_(quantize_(model, "ttq"))
    model.eval()
    before = model(images)
    other = copy.deepcopy(model)

    with torch.no_grad():
        for _, layer in quantized_layers(other):
            latent_of(layer).zero_()

    assert torch.equal(model(images), before)
    assert not torch.equal(other(images), before)


def test_only_learned_scales_and_latent_weights_get_gradients():
    model, images = network()
    fuse_(quantize_(model, "twn"))
    model(images).sum().backward()

    assert all(latent_of(layer).grad is not None for _, layer in quantized_layers(model))
    assert not any("scale" in name for name, _ in model.named_parameters())


def test_a_layout_has_each_layer_in_whole_rows_with_zeros_behind_it(device):
    layers = [torch.arange(1.0, n + 1, device=device) for n in (ROW, 3, 2 * ROW + 1)]
    layout = Layout([len(layer) for layer in layers], device)

    rows = layout.rows(layers)

    assert rows.shape == (5, ROW)
    assert rows[1].tolist() == [1.0, 2.0, 3.0] + [0.0] * (ROW - 3)
    assert [torch.equal(a, b) for a, b in zip(layout.layers(rows), layers, strict=True)] == [
        True
    ] * 3
    assert layout.sums(rows).tolist() == [layer.sum().item() for layer in layers]
    assert layout.spread(torch.tensor([5.0, 6.0, 7.0], device=device)).flatten().tolist() == [
        5.0, 6.0, 7.0, 7.0, 7.0,
    ]  # fmt: skip


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-4), ("bf16", 1e-2)])
def test_on_a_gpu_training_agrees_with_layer_by_layer_to_rounding(precision, tolerance):
    plain, images = network()
    quantize_(plain, "ttq")
    together = fuse_(copy.deepcopy(plain))

    found, wanted = (train(model, images, "cuda", precision)[0] for model in (together, plain))

    assert found == pytest.approx(wanted, rel=tolerance)
