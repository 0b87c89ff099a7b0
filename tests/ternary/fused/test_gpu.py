"""Kernels for a GPU against layer by layer; Triton's interpreter runs them where there is none."""

import copy
import dataclasses
import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.ternary.fused.test_rows import QUANTIZED, STRATEGIES, kinds_of_weights
from tests.tiers import slow_but
from ttq_bench.ternary.conversion import (
    quantize_,
    quantized_layers,
    quantizer_of,
    set_epoch_,
)
from ttq_bench.ternary.fused import gpu, rows
from ttq_bench.ternary.fused.gpu import (
    LATENT_GRADIENTS,
    RULES,
    SCALE_GRADIENTS,
    Rule,
    Segments,
    quantized_on_device,
)
from ttq_bench.ternary.fused.rows import fuse_
from ttq_bench.ternary.methods import METHODS
from ttq_bench.ternary.quantizers import Quantizer
from ttq_bench.ternary.strategies import DeltaStrategy
from ttq_bench.trial.scale_invariance import GaugeWatch

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
# A method or strategy of one's own need have none.
WITH_KERNELS = [
    name
    for name in QUANTIZED
    if METHODS[name].latent_gradient in LATENT_GRADIENTS
    and METHODS[name].scale_gradient in SCALE_GRADIENTS
]
STEPS = 3  # the strategies of test_rows.py move within three
pytest.importorskip("triton", reason="torch brings Triton on Linux x86-64 alone")


@pytest.fixture
def kernels_everywhere(monkeypatch):
    monkeypatch.setattr(rows, "can_compute", lambda *_: True)


def network():
    """A convolution that feeds batch normalisation, and a layer of more chunks than one."""
    torch.manual_seed(3)
    model = nn.Sequential(
        nn.Conv2d(3, 5, 3), nn.Conv2d(5, 7, 3, bias=False), nn.BatchNorm2d(7), nn.ReLU(),
        nn.Flatten(), nn.Linear(7 * 16, 20), nn.ReLU(), nn.Linear(20, 10),
    )  # fmt: skip
    return model.to(DEVICE, memory_format=torch.channels_last)


def train(model):
    images = torch.randn(16, 3, 8, 8, generator=torch.Generator().manual_seed(1)).to(DEVICE)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for step in range(STEPS):
        set_epoch_(model, step / 2, begins=step == 2)
        loss = F.cross_entropy(model(images), torch.arange(16, device=DEVICE) % 10)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return {name: parameter.detach() for name, parameter in model.named_parameters()}


def assert_same_training(**options):
    plain = quantize_(network(), **options)
    together = fuse_(copy.deepcopy(plain))

    found, wanted = train(together), train(plain)

    assert together._forward_pre_hooks
    for name, parameter in wanted.items():
        torch.testing.assert_close(found[name], parameter, rtol=2e-4, atol=1e-5)


def tier(name, granularity):
    """Return the marks of a case. Channels are many short segments, seconds for the interpreter."""
    if name == "ttq":
        return ()
    # Learned scales (ttq), fixed ones and two levels stand for all by channel.
    stands_for_all = granularity == "layer" or name in ("twn", "bwn")
    return pytest.mark.slow if stands_for_all else pytest.mark.full


CASES = list(itertools.product(WITH_KERNELS, ["layer", "channel"]))


@pytest.mark.parametrize(
    ("name", "granularity"), [pytest.param(*case, marks=tier(*case)) for case in CASES]
)
@pytest.mark.usefixtures("kernels_everywhere")
def test_every_method_trains_as_layer_by_layer(name, granularity):
    assert_same_training(method=name, granularity=granularity)


@pytest.mark.slow
@pytest.mark.parametrize("normalised", [False, "max"])
@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
@pytest.mark.usefixtures("kernels_everywhere")
def test_every_kind_of_strategy_trains_as_layer_by_layer(strategy, normalised):
    assert_same_training(
        method="ttq", strategy=STRATEGIES[strategy], normalise_latent=normalised,
        initial_scales="least_squares",
    )  # fmt: skip


def quantizer(latent, **options):
    method = METHODS[options.pop("method", "ttq")]
    return Quantizer(method, options.pop("strategy"), latent, **options).to(DEVICE)


def latents(sizes, ties):
    generator = torch.Generator().manual_seed(5)
    found = [torch.randn(size, generator=generator) for size in sizes]
    return [(some * 4).round() / 4 if ties else some for some in found]


@pytest.mark.parametrize("ties", slow_but([True], [False, True]))
@pytest.mark.parametrize("number", slow_but([0.3], [0.0, 0.3, 0.99]))
@pytest.mark.parametrize("normalised", [False, "max"])
@pytest.mark.parametrize("name", RULES)
def test_weights_are_those_of_each_layer_alone(name, normalised, number, ties):
    # As by layer, to the bit: thresholds, codes and weights; means of magnitudes in another order.
    sizes = (1, 7, 2048, 2049, 3 * 2048 - 5)
    layers = [layer.to(DEVICE) for layer in [*latents(sizes, ties), torch.zeros(9)]]
    strategy = DeltaStrategy(name, number)
    owners = [quantizer(one, strategy=strategy, normalise_latent=normalised) for one in layers]
    scales = torch.rand(2, len(layers), device=DEVICE) + 0.5
    segments = Segments([len(layer) for layer in layers], DEVICE)

    found = quantized_on_device(
        torch.cat(layers), (scales[0], scales[1]), Rule.of(owners), segments, torch.float32
    )

    for part, layer, owner, pair in zip(
        torch.split(found, segments.counts), layers, owners, scales.T, strict=True
    ):
        owner.positive_scale.data, owner.negative_scale.data = pair
        if name == "mean_fraction":
            assert (part != owner(layer)).float().mean() <= 1e-3
        else:
            assert torch.equal(part, owner(layer))


@pytest.mark.parametrize("name", RULES)
def test_weights_in_bfloat16_are_the_rounded_ones_and_take_gradients_of_their_kind(name):
    layers = [layer.to(DEVICE) for layer in latents((2049, 50), False)]
    rule = Rule.of([quantizer(layers[0], strategy=DeltaStrategy(name, 0.5))])
    segments, flat = Segments([2049, 50], DEVICE), torch.cat(layers).requires_grad_()
    scales = torch.rand(2, 2, device=DEVICE) + 0.5
    if DEVICE.type == "cpu":  # Triton's interpreter cuts off where a GPU rounds
        scales = scales.bfloat16().float()
    scales.requires_grad_()
    incoming = torch.randn(len(flat), device=DEVICE).bfloat16()

    def made(dtype, given):
        weights = quantized_on_device(flat, (scales[0], scales[1]), rule, segments, dtype)
        return weights.detach(), torch.autograd.grad(weights, [flat, scales], given)

    low, high = made(torch.bfloat16, incoming), made(torch.float32, incoming.float())

    assert torch.equal(low[0], high[0].bfloat16())
    assert all(torch.equal(one, other) for one, other in zip(low[1], high[1], strict=True))


@pytest.fixture
def launched(monkeypatch):
    """The names of the kernels that run."""
    names, launch = [], gpu.launch

    def noted(kernel, *arguments, **constants):
        names.append(kernel.fn.__name__)
        launch(kernel, *arguments, **constants)

    monkeypatch.setattr(gpu, "launch", noted)
    return names


@pytest.mark.parametrize(
    ("method", "strategy", "normalised", "measured"),
    [
        ("ttq", "max_fraction", False, 1),
        ("ttq", "constant_sparsity", False, 0),
        ("ttq", "constant_sparsity", "max", 1),
        ("ttq", "held", False, 0),
        ("twn", "max_fraction", False, 2),  # all weights for the threshold, then those beyond it
        ("bwn", "max_fraction", False, 1),
    ],
)
@pytest.mark.usefixtures("kernels_everywhere")
def test_weights_are_measured_where_a_rule_needs_it_alone(
    method, strategy, normalised, measured, launched
):
    model = quantize_(network(), method, STRATEGIES[strategy], normalise_latent=normalised)

    fuse_(model)(torch.randn(2, 3, 8, 8, device=DEVICE))

    assert launched.count("measure_chunks") == measured
    assert launched.count("quantize_chunks") == 1


@pytest.mark.usefixtures("kernels_everywhere")
def test_layers_find_weights_that_autocast_has_not_to_round():
    model = fuse_(quantize_(network(), "ttq"))

    with torch.autocast(DEVICE.type, torch.bfloat16):
        found = kinds_of_weights(model, torch.randn(2, 3, 8, 8, device=DEVICE))

    assert found == {torch.bfloat16}


def test_a_moving_sparsity_is_followed():
    layers = [torch.arange(1.0, 101, device=DEVICE), torch.arange(1.0, 11, device=DEVICE)]
    segments = Segments([100, 10], DEVICE)
    ones = torch.ones(2, device=DEVICE)

    for sparsity in (0.1, 0.5, 0.2, 0.0):
        strategy = DeltaStrategy("constant_sparsity", sparsity)
        rule = Rule.of([quantizer(layer, strategy=strategy) for layer in layers])
        found = quantized_on_device(torch.cat(layers), (ones, ones), rule, segments, torch.float32)
        zeros = [int((part == 0).sum()) for part in torch.split(found, [100, 10])]
        assert zeros == [round(100 * sparsity), round(10 * sparsity)]


def computed(layers, rule, scales=None):
    """Return the weights of each layer, by kernels."""
    segments = Segments([len(layer) for layer in layers], DEVICE)
    found = quantized_on_device(torch.cat(layers), scales, rule, segments, torch.float32)
    return torch.split(found, segments.counts)


@pytest.mark.parametrize("name", RULES)
def test_a_segment_of_many_chunks_is_gathered_whole(name, monkeypatch):
    monkeypatch.setattr(gpu.kernels(), "PARTS", 2)
    layers = [layer.to(DEVICE) for layer in latents((9 * 2048 + 3, 100), False)]
    owners = [quantizer(one, strategy=DeltaStrategy(name, 0.5)) for one in layers]
    ones = torch.ones(2, device=DEVICE)

    for part, layer, owner in zip(
        computed(layers, Rule.of(owners), (ones, ones)), layers, owners, strict=True
    ):
        assert (part != owner(layer)).float().mean() <= (1e-3 if name == "mean_fraction" else 0)


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("method", ["ttq", "twn", "dorefa-w1"])
def test_what_is_no_number_shows_as_layer_by_layer(method, name):
    layers = [layer.to(DEVICE) for layer in latents((3000, 50), False)]
    layers[0][7] = torch.nan
    strategy = METHODS[method].strategy or DeltaStrategy(name, 0.5)
    owners = [quantizer(one, method=method, strategy=strategy) for one in layers]
    scales = None
    if method == "ttq":
        scales = torch.tensor([1.5, torch.nan], device=DEVICE), torch.ones(2, device=DEVICE)
        owners[1].positive_scale.data = scales[0][1]
        owners[0].positive_scale.data = scales[0][0]

    for part, layer, owner in zip(
        computed(layers, Rule.of(owners), scales), layers, owners, strict=True
    ):
        expected = owner(layer)
        if method == "ttq" and layer.isnan().any():  # there in all weights of the layer
            assert part.isnan().any()
            assert expected.isnan().all()
        else:
            torch.testing.assert_close(part, expected, equal_nan=True)


@pytest.mark.filterwarnings("ignore:invalid value encountered")  # of NumPy, which interprets
@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("method", ["ttq", "twn", "dorefa-w1"])
def test_one_weight_that_is_no_finite_number_makes_weights_nan(method, value, name):
    (layer,) = [layer.to(DEVICE) for layer in latents((3000,), False)]
    layer[7] = value
    strategy = METHODS[method].strategy or DeltaStrategy(name, 0.5)
    owner = quantizer(layer, method=method, strategy=strategy)
    ones = torch.ones(1, device=DEVICE)

    (part,) = computed([layer], Rule.of([owner]), (ones, ones) if method == "ttq" else None)

    assert part.isnan().any()
    assert owner(layer).isnan().any()


@pytest.mark.usefixtures("kernels_everywhere")
def test_the_other_scale_of_a_frozen_one_has_its_gradient():
    model = fuse_(quantize_(network(), "ttq"))
    for _, layer in quantized_layers(model):
        quantizer_of(layer).positive_scale.requires_grad_(False)

    model(torch.randn(2, 3, 8, 8, device=DEVICE)).square().sum().backward()

    for _, layer in quantized_layers(model):
        assert quantizer_of(layer).negative_scale.grad.abs() > 0


@pytest.mark.usefixtures("kernels_everywhere")
def test_a_second_derivative_is_refused_and_not_wrong():
    model = fuse_(quantize_(network(), "ttq"))
    loss = model(torch.randn(2, 3, 8, 8, device=DEVICE)).square().sum()
    gradients = torch.autograd.grad(loss, list(model.parameters()), create_graph=True)

    with pytest.raises(RuntimeError, match="once_differentiable"):
        sum(gradient.square().sum() for gradient in gradients).backward()


@pytest.mark.usefixtures("kernels_everywhere")
def test_a_sparsity_moves_after_a_call_in_inference_mode():
    strategy = DeltaStrategy("constant_sparsity", 0.5, start=0.0, ramp_epochs=1.0)
    model = fuse_(quantize_(network(), "ttq", strategy)).eval()
    images = torch.randn(2, 3, 8, 8, device=DEVICE)
    with torch.inference_mode():
        before = model(images)
        set_epoch_(model, 1.0)
        assert not torch.equal(model(images), before)


def test_what_has_no_kernel_is_left_to_operations(monkeypatch):
    monkeypatch.setattr(gpu, "kernels_for", lambda _: gpu.kernels())
    latent = torch.randn(4, 9)
    for method in WITH_KERNELS:
        for name in RULES:
            strategy = DeltaStrategy(name, 0.5)
            assert gpu.can_compute([latent], [quantizer(latent, method=method, strategy=strategy)])
    unknown = quantizer(latent, strategy=DeltaStrategy("max_fraction", 0.5))
    unknown.strategy = DeltaStrategy("of my own", 0.5)
    assert not gpu.can_compute([latent], [unknown])
    unknown = quantizer(latent, strategy=DeltaStrategy("max_fraction", 0.5))
    unknown.method = dataclasses.replace(unknown.method, latent_gradient="of my own")
    assert not gpu.can_compute([latent], [unknown])


@pytest.mark.parametrize("method", ["ttq", "ttq-as-printed"])
@pytest.mark.parametrize("granularity", ["layer", "channel"])
def test_the_gauge_is_watched_as_by_operations(method, granularity, monkeypatch):
    model = quantize_(network(), method, granularity=granularity)
    watches = GaugeWatch(model), GaugeWatch(model)
    for step in range(STEPS):
        for _, layer in quantized_layers(model):
            for scale in quantizer_of(layer).parameters():
                scale.grad = torch.randn_like(scale)
                scale.data += 0.1 * (step + 1)
        monkeypatch.setattr("ttq_bench.trial.scale_invariance.kernels_for", lambda _: None)
        watches[0].after_backward()
        monkeypatch.setattr("ttq_bench.trial.scale_invariance.kernels_for", lambda _: gpu.kernels())
        watches[1].after_backward()

    first, second = (watch.buffers() for watch in watches)
    assert first["sums"].abs().min() > 0
    torch.testing.assert_close(first["sums"], second["sums"])
    assert torch.equal(first["before"], second["before"])


def test_a_network_on_a_cpu_needs_no_kernels(monkeypatch):
    monkeypatch.setattr(gpu, "kernels", lambda: pytest.fail("asked for"))
    model = fuse_(quantize_(network().cpu(), "ttq"))

    model(torch.randn(2, 3, 8, 8))
