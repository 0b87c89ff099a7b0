"""Equal scales, other ratios and new statistics: worked by hand, and undone to the bit."""

import math

import pytest
import torch
from torch import nn

from ttq_bench.probing.symmetrise import (
    DRAWS,
    batch_norms,
    left_as_it_was,
    moves,
    reestimate_batch_norm_,
    rho_of,
    rms_change,
    set_rho_,
    symmetrised,
)
from ttq_bench.ternary.conversion import quantize_, quantizer_of
from ttq_bench.ternary.strategies import DeltaStrategy


def network(granularity="layer"):
    """Three convolutions with batch normalisation, the middle one ternary with rho = ln 4."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU()]
    layers += [nn.Conv2d(4, 5, 3, bias=False), nn.BatchNorm2d(5), nn.ReLU(), nn.Conv2d(5, 2, 1)]
    model = nn.Sequential(*layers)
    quantize_(model, "ttq", DeltaStrategy("max_fraction", 0.3), granularity=granularity)
    with torch.no_grad():
        quantizer_of(model[3]).positive_scale.fill_(4.0)
    return model.eval()


def images(count=64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return 3 + 2 * torch.randn(count, 3, 8, 8, generator=generator)


def bits(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def assert_same_bits(model, before):
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_both_scales_become_the_geometric_mean_and_come_back_to_the_bit():
    model = network()
    before = bits(model)
    with symmetrised([model[3]]):
        assert sorted(set(model[3].weight.flatten().tolist())) == [-2.0, 0.0, 2.0]
    assert_same_bits(model, before)
    assert sorted(set(model[3].weight.flatten().tolist())) == [-1.0, 0.0, 4.0]


def test_each_channel_has_its_own_mean():
    model = network("channel")
    quantizer = quantizer_of(model[3])
    with torch.no_grad():
        quantizer.positive_scale[:, 0, 0, 0] = torch.tensor([1.0, 4.0, 9.0, 16.0, 25.0])
    with symmetrised([model[3]]):
        assert quantizer.positive_scale.flatten().tolist() == [1.0, 2.0, 3.0, 4.0, 5.0]
        assert torch.equal(quantizer.positive_scale, quantizer.negative_scale)


def test_equal_scales_of_any_size_stay_what_they_are():
    model = network()
    quantizer = quantizer_of(model[3])
    sizes = torch.rand(300, generator=torch.Generator().manual_seed(0)) * 3
    for size in (*sizes.tolist(), 1e-25, 1e25):
        with torch.no_grad():
            quantizer.positive_scale.fill_(size)
            quantizer.negative_scale.fill_(size)
        before = model[3].weight
        with symmetrised([model[3]]):
            assert torch.equal(model[3].weight, before)


def test_scales_come_back_when_the_measurement_fails():
    model = network()
    before = bits(model)
    with pytest.raises(ZeroDivisionError), symmetrised([model[3]]):
        _ = 1 / 0
    assert_same_bits(model, before)


@pytest.mark.parametrize("parts", [1, 4])
def test_new_statistics_are_the_mean_and_variance_of_what_comes_in(parts):
    model, given = network(), images()
    reestimate_batch_norm_(model, given.chunk(parts), "fp32")

    norm = model[1]
    incoming = [model[0].double()(part.double()) for part in given.chunk(parts)]
    pooled = torch.cat(incoming).transpose(0, 1).flatten(1)
    by_batch = [part.transpose(0, 1).flatten(1).var(1) for part in incoming]
    torch.testing.assert_close(norm.running_mean.double(), pooled.mean(1), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(norm.running_var.double(), sum(by_batch) / parts, rtol=1e-5, atol=0)
    torch.testing.assert_close(norm.running_var.double(), pooled.var(1), rtol=0.02, atol=0)
    assert norm.num_batches_tracked == parts


def test_what_was_estimated_before_has_no_weight():
    fresh, used = network(), network()
    reestimate_batch_norm_(used, [images(seed=1) * 100], "fp32")
    for model in (fresh, used):
        reestimate_batch_norm_(model, images().chunk(2), "fp32")
    assert_same_bits(used, bits(fresh))


def test_only_statistics_change_and_momentum_and_modes_come_back():
    model = network()
    model[1].momentum = 0.25
    before = bits(model)
    reestimate_batch_norm_(model, [images()], "fp32")
    changed = {name for name, value in bits(model).items() if not torch.equal(value, before[name])}
    assert changed == {
        f"{index}.{name}"
        for index in (1, 4)
        for name in ("running_mean", "running_var", "num_batches_tracked")
    }
    assert (model[1].momentum, model[4].momentum) == (0.25, 0.1)
    assert not any(module.training for module in model.modules())


def test_the_statistics_undo_the_common_size_of_the_scales():
    """Only rho has an effect before batch normalisation: this is what the control measures."""
    model, quantizer = network(), None
    quantizer = quantizer_of(model[3])
    reestimate_batch_norm_(model, [images()], "fp32")
    expected = model(images(8, seed=2))
    with torch.no_grad():
        quantizer.positive_scale.mul_(50)
        quantizer.negative_scale.mul_(50)
    assert not torch.allclose(model(images(8, seed=2)), expected, rtol=0.1)
    reestimate_batch_norm_(model, [images()], "fp32")
    torch.testing.assert_close(model(images(8, seed=2)), expected, rtol=1e-3, atol=1e-4)


def test_a_normalisation_without_statistics_is_left_alone():
    model = nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2, track_running_stats=False))
    assert batch_norms(model) == []


def test_a_network_is_left_as_it_was():
    model = network()
    model[1].train()
    before = bits(model)
    with left_as_it_was(model):
        model.train()
        model(images())
        with torch.no_grad():
            model[0].weight.zero_()
    assert_same_bits(model, before)
    assert [module.training for module in model[:3]] == [False, True, False]


def test_any_rho_is_set_with_the_product_of_the_scales_kept():
    layer = network()[3]
    with torch.no_grad():
        set_rho_(layer, 0.8)

    positive, negative = quantizer_of(layer).positive_scale, quantizer_of(layer).negative_scale
    assert float(rho_of(layer)) == pytest.approx(0.8)
    assert float((positive * negative).detach()) == pytest.approx(4.0)


RHOS = [torch.tensor([value], dtype=torch.float64) for value in (0.1, -0.2, 0.3, 0.0)]


def values(rhos):
    return [float(rho) for rho in rhos]


def of_kind(kind, rhos=RHOS):
    return [new for name, _, new in moves(rhos) if name == kind]


def test_doubled_rho_is_twice_the_trained_one():
    assert values(of_kind("doubled")[0]) == pytest.approx([0.2, -0.4, 0.6, 0.0])


def test_zero_or_doubled_moves_each_layer_as_far_as_equal_scales_do():
    drawn = of_kind("zero or doubled")

    assert len(drawn) == DRAWS
    assert len({tuple(values(new)) for new in drawn}) > 1
    equal = rms_change(RHOS, [0 * rho for rho in RHOS])
    for new in drawn:
        assert [abs(b - a) for a, b in zip(RHOS, new, strict=True)] == [abs(rho) for rho in RHOS]
        assert rms_change(RHOS, new) == equal


def test_permuted_layers_have_each_others_values():
    for new in of_kind("permuted"):
        assert sorted(values(new)) == sorted(values(RHOS))


def test_the_common_value_is_the_mean():
    assert values(of_kind("common")[0]) == pytest.approx([0.05] * 4)


def test_the_change_is_the_root_mean_square_over_layers():
    assert rms_change(RHOS[:2], [torch.tensor(0.4), torch.tensor(0.2)]) == pytest.approx(
        math.sqrt((0.3**2 + 0.4**2) / 2)
    )


def test_draws_are_the_same_for_every_trial():
    assert [values(new) for *_, new in moves(RHOS)] == [values(new) for *_, new in moves(RHOS)]


def test_values_by_channel_are_neither_permuted_nor_made_common():
    channels = [torch.tensor([0.1, 0.2]), torch.tensor([0.3, 0.4, 0.5])]

    assert {kind for kind, *_ in moves(channels)} == {"doubled", "zero or doubled"}
    assert rms_change(channels, [0 * rho for rho in channels]) == pytest.approx(
        math.sqrt((0.025 + 0.5 / 3) / 2)
    )
