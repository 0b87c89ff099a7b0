"""All layers at once against layer by layer: the same to the bit on a CPU, and the same network."""

import copy
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils.checkpoint import checkpoint, set_checkpoint_early_stop

from ttq_bench.models.build import build_model
from ttq_bench.models.catalog import MODELS
from ttq_bench.ternary.conversion import (
    latent_of,
    quantize_,
    quantized_layers,
    quantizer_of,
    set_epoch_,
)
from ttq_bench.ternary.fused.rows import ROW, Layout, fuse_
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
            lambda layer, _: seen.append(bool(quantizer_of(layer).prepared))
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


@pytest.mark.slow
@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
def test_every_kind_of_strategy_trains_to_the_same_bits(strategy):
    assert_same_training(network, True, method="ttq", strategy=STRATEGIES[strategy])


@pytest.mark.parametrize(
    ("architecture", "channels_last"),
    [
        ("lenet5", True),
        ("lenet5", False),
        pytest.param("preact_resnet20", True, marks=pytest.mark.slow),
        pytest.param("preact_resnet20", False, marks=pytest.mark.slow),
        # Twelve million weights: a layer of many rows. The smaller ones tell the formats apart.
        pytest.param("resnet18", True, marks=pytest.mark.slow),
        pytest.param("resnet18", False, marks=pytest.mark.full),
        pytest.param("vgg_small", True, marks=pytest.mark.full),
        pytest.param("vgg_small", False, marks=pytest.mark.full),
    ],
)
def test_other_networks_and_memory_formats_train_to_the_same_bits(architecture, channels_last):
    # LeNet's layers do not fill whole rows; all but the first convolution and the last are linear.
    assert_same_training(
        lambda: network(architecture, channels_last), True,
        method="ttq", initial_scales="least_squares", keep_last=False,
    )  # fmt: skip


@pytest.mark.slow
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


@pytest.mark.slow
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

    assert all(quantizer_of(layer).prepared == {} for _, layer in quantized_layers(model))


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


BROKEN = [torch.nan, torch.inf, -torch.inf]


@pytest.mark.parametrize("value", BROKEN)
@pytest.mark.parametrize("strategy", [*sorted(STRATEGIES), None])
@pytest.mark.parametrize("fused", [True, False])
def test_a_latent_weight_that_is_no_finite_number_makes_the_output_nan(value, strategy, fused):
    model, images = network("lenet5")
    if strategy is None:  # two levels, no threshold
        quantize_(model, "dorefa-w1")
    else:
        quantize_(model, "ttq", STRATEGIES[strategy])
    model = fuse_(model) if fused else model
    with torch.no_grad():
        latent_of(model.fc2)[3, 5] = value

    assert model(images).isnan().any()


class Blocks(nn.Module):
    """Two blocks, each of which may be computed again in the backward pass."""

    def __init__(self, **options):
        super().__init__()
        self.first, self.last, self.options = nn.Linear(4, 8), nn.Linear(8, 3), options
        self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(8, 8), nn.Tanh()) for _ in range(2))

    def forward(self, numbers):
        numbers = self.first(numbers)
        for block in self.blocks:
            options = self.options
            numbers = checkpoint(block, numbers, **options) if options else block(numbers)
        return self.last(numbers)


def gradients(model, call):
    call(model, torch.randn(5, 4, generator=torch.Generator().manual_seed(1))).sum().backward()
    return {name: parameter.grad for name, parameter in model.named_parameters()}


def called(model, numbers):
    return model(numbers)


def called_within_a_checkpoint(model, numbers):
    return checkpoint(model, numbers, use_reentrant=False)


def called_with_tensors_saved_elsewhere(model, numbers):
    with torch.autograd.graph.save_on_cpu():
        return model(numbers)


@pytest.mark.slow
@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize(
    "call", [called, called_within_a_checkpoint, called_with_tensors_saved_elsewhere]
)
@pytest.mark.parametrize(
    "options",
    [{}, {"use_reentrant": False}, {"use_reentrant": True}],
    ids=["plain", "checkpointed", "reentrant"],
)
@pytest.mark.parametrize("method", ["ttq", "twn"])
def test_checkpoints_of_a_fused_network_change_no_gradient(method, options, call, early):
    torch.manual_seed(0)
    plain = quantize_(Blocks(), method)
    model = copy.deepcopy(plain)
    model.options = options

    with set_checkpoint_early_stop(early):
        found = gradients(fuse_(model), call)

    for name, expected in gradients(plain, called).items():
        torch.testing.assert_close(found[name], expected, rtol=0, atol=0)


def exported(model, images):
    return torch.export.export(model, (images,)).module()


def faked(model, images):
    with FakeTensorMode(allow_non_fake_inputs=True):
        model(images)
    return model


def traced(model, images):
    return make_fx(model)(images)


def mapped(model, images):
    return torch.func.vmap(model)(images.unsqueeze(1))


def inferred(model, images):
    with torch.inference_mode():
        model(images)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("look", [exported, faked, traced, mapped, inferred])
@pytest.mark.parametrize("options", [{}, {"normalise_latent": "max"}])
@pytest.mark.parametrize("was_called", [False, True])
def test_who_only_looks_at_a_fused_network_changes_nothing(look, options, was_called):
    make = lambda: network("lenet5")  # noqa: E731
    model, images = make()
    expected = train(quantize_(make()[0], "ttq", **options), images)[0]
    fuse_(quantize_(model, "ttq", **options))
    if was_called:
        model(images)

    look(model, images)

    assert type(model(images)) is torch.Tensor
    assert train(model, images)[0] == expected
    assert is_prepared(model, images)


def test_an_exported_network_answers_as_the_network():
    model, images = network("lenet5")
    fuse_(quantize_(model, "ttq"))

    torch.testing.assert_close(exported(model, images)(images), model(images))


def test_threads_that_train_one_fused_network_do_not_meet():
    torch.manual_seed(0)
    model = fuse_(quantize_(nn.Sequential(*(nn.Linear(64, 64) for _ in range(6))), "ttq"))
    inputs = torch.randn(16, 64)
    expected = model(inputs).detach()

    def train(_):
        for _ in range(20):
            found = model(inputs)
            found.sum().backward()
            assert torch.equal(found, expected)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(train, range(4)))


@pytest.mark.parametrize("was_called", [False, True])
def test_a_fused_network_compiles_and_exports_as_one_graph(was_called):
    torch.manual_seed(0)
    model = fuse_(quantize_(nn.Sequential(*(nn.Linear(8, 8) for _ in range(4))), "ttq")).eval()
    inputs = torch.randn(2, 8)
    plain = copy.deepcopy(model)
    expected = plain(inputs)
    if was_called:
        model(inputs)

    compiled = torch.compile(model, backend="eager", fullgraph=True)
    exported = torch.export.export(model, (inputs,), strict=True).module()

    assert torch.equal(compiled(inputs), expected)
    assert torch.equal(exported(inputs), expected)
    assert torch.equal(model(inputs), expected)


def test_a_replica_computes_with_its_own_latent_weights():
    torch.manual_seed(0)
    model = fuse_(quantize_(nn.Sequential(*(nn.Linear(8, 8) for _ in range(4))), "ttq"))
    layer = model[1]
    replica = quantizer_of(layer)._replicate_for_data_parallel()
    for name in ("positive_scale", "negative_scale"):
        setattr(replica, name, getattr(quantizer_of(layer), name).detach())
    own = latent_of(layer).detach() * 2
    seen = []
    model[0].register_forward_pre_hook(lambda *_: seen.append(replica(own)))

    model(torch.randn(2, 8))

    assert torch.equal(seen[0], quantizer_of(layer)(own))
