"""Writes to ``layer.weight`` reach the latent weights, as in a layer that is not converted."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations, parametrize
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ttq_bench.errors import TtqBenchError
from ttq_bench.ternary.conversion import latent_of, quantize_, quantizer_of
from ttq_bench.ternary.freezing import freeze_
from ttq_bench.ternary.fused.rows import fuse_


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 6), nn.Conv1d(1, 2, 3), nn.Linear(6, 3))


@torch.no_grad()
def times_in_place(layer):
    layer.weight *= 3


@torch.no_grad()
def item(layer):
    layer.weight[0] = 5.0


@torch.no_grad()
def item_of_a_view(layer):
    layer.weight.detach().view(-1)[3:5].fill_(7.0)


@torch.no_grad()
def parts(layer):
    for part in layer.weight.split(2):
        part.add_(1.0)


@torch.no_grad()
def written_out(layer):
    torch.add(torch.ones(()), 1.0, out=layer.weight[0, 0])


def data(layer):
    layer.weight.data.uniform_(-1, 1)


def new_data(layer):
    layer.weight.data = torch.ones_like(layer.weight)


def reset(layer):
    layer.reset_parameters()


def frozen(layer):
    layer.weight.requires_grad_(False)


def assigned(layer):
    layer.weight = nn.Parameter(torch.full_like(layer.weight, 2.0))


INITS = [
    nn.init.uniform_, nn.init.normal_, nn.init.trunc_normal_, nn.init.ones_, nn.init.zeros_,
    nn.init.eye_, nn.init.xavier_uniform_, nn.init.xavier_normal_, nn.init.kaiming_uniform_,
    nn.init.kaiming_normal_, nn.init.orthogonal_,
]  # fmt: skip
CHANGES = [
    *((lambda layer, f=f: f(layer.weight)) for f in INITS),
    lambda layer: nn.init.constant_(layer.weight, 0.3),
    lambda layer: nn.init.sparse_(layer.weight, 0.5),
    times_in_place, item, item_of_a_view, parts, written_out, data, new_data, reset, frozen,
    assigned,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("fused", [True, False])
def test_what_is_written_to_the_weight_is_written_to_the_latent_weights(change, fused):
    plain, model = network(), quantize_(network(), "ttq", keep=["2"])
    if fused:
        fuse_(model)
    for layer in (plain[1], model[1]):
        torch.manual_seed(1)
        change(layer)

    latent = latent_of(model[1])
    assert torch.equal(latent, plain[1].weight)
    assert latent.requires_grad == plain[1].weight.requires_grad
    assert torch.equal(model[1].weight, quantizer_of(model[1])(latent))


def test_dirac_reaches_the_latent_weights_of_a_convolution():
    model = quantize_(network(), "ttq")

    nn.init.dirac_(model[2].weight)

    assert latent_of(model[2]).sum() == 1.0


def test_a_write_that_a_plain_layer_refuses_is_refused():
    model = quantize_(network(), "ttq")

    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        model[1].weight.fill_(1.0)


@pytest.mark.parametrize("given", [torch.ones(2, 2), nn.Parameter(torch.ones(6, 5)), 3.0])
def test_a_weight_of_another_shape_is_refused_in_one_sentence(given):
    model = quantize_(network(), "ttq")

    with pytest.raises(TtqBenchError, match=r"expected a tensor of shape \(6, 6\), which becomes"):
        model[1].weight = given


def test_what_is_read_is_the_quantized_weight_and_plain():
    model = quantize_(network(), "ttq")
    layer = model[1]
    expected = quantizer_of(layer)(latent_of(layer)).detach()

    assert torch.equal(layer.weight, expected)
    for found in (
        layer.weight.clone(),
        layer.weight + 0,
        layer.weight.abs(),
        expected * layer.weight,
    ):
        assert type(found) is torch.Tensor
    assert layer.weight.tolist() == expected.tolist()
    assert layer.weight.detach().numpy().sum() == pytest.approx(float(expected.sum()))
    assert layer.weight[2].data.max() == expected[2].max()
    assert (
        F.linear(torch.ones(1, 6), layer.weight).sum() == F.linear(torch.ones(1, 6), expected).sum()
    )
    assert len(list(layer.weight.unbind())) == 6


def test_the_gradient_of_a_read_weight_reaches_latent_weights_and_scales():
    layer = quantize_(network(), "ttq")[1]

    layer.weight.view(-1)[:20].sum().backward()

    assert latent_of(layer).grad.count_nonzero() == 20
    assert quantizer_of(layer).positive_scale.grad.item() > 0


def test_a_layer_has_a_plain_tensor_while_it_is_called():
    class Looking(nn.Linear):
        def forward(self, numbers):
            self.kind = type(self.weight)
            return super().forward(numbers)

    model = quantize_(nn.Sequential(nn.Linear(2, 2), Looking(2, 2), nn.Linear(2, 2)), "ttq")
    model(torch.ones(1, 2))

    assert model[1].kind is torch.Tensor


@pytest.mark.parametrize("leave", [True, False])
def test_torch_can_take_the_parametrization_off_again(leave):
    model = quantize_(network(), "ttq")
    ternary, latent = model[1].weight.clone(), latent_of(model[1])

    parametrize.remove_parametrizations(model[1], "weight", leave_parametrized=leave)

    assert type(model[1]) is nn.Linear
    assert model[1].weight is latent
    assert leave == torch.equal(model[1].weight, ternary)


def test_a_copy_takes_writes_for_itself():
    model = quantize_(network(), "ttq")
    before = latent_of(model[1]).clone()

    nn.init.zeros_(copy.deepcopy(model)[1].weight)

    assert torch.equal(latent_of(model[1]), before)


def test_attention_reads_the_ternary_weights_of_its_projection():
    torch.manual_seed(0)
    attention = nn.MultiheadAttention(8, 2, batch_first=True)
    numbers = torch.randn(2, 3, 8)
    quantize_(attention, "ttq", keep_first=False, keep_last=False)
    by_hand = nn.MultiheadAttention(8, 2, batch_first=True)
    state = {k: v for k, v in attention.state_dict().items() if "parametrizations" not in k}
    by_hand.load_state_dict(state | {"out_proj.weight": attention.out_proj.weight})

    for model in (attention.eval(), by_hand.eval()):
        model.found = model(numbers, numbers, numbers, need_weights=False)[0]

    torch.testing.assert_close(attention.found, by_hand.found)


def test_a_layer_that_begins_anew_begins_with_its_scales_too():
    with torch.device("meta"):
        model = network()
    quantize_(model, "ttq", initial_scales="least_squares", keep_first=False)
    model.to_empty(device="cpu")
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(3e29)
    for module in model.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()

    same = nn.Sequential(nn.Linear(1, 1), nn.Linear(6, 6), nn.Linear(1, 1))
    same[1].weight = latent_of(model[1])
    quantize_(same, "ttq", initial_scales="least_squares")
    own, other = quantizer_of(model[1]), quantizer_of(same[1])
    assert latent_of(model[1]).abs().max() < 1
    assert torch.equal(own.positive_scale, other.positive_scale)
    assert torch.equal(own.negative_scale, other.negative_scale)


@torch.no_grad()
def test_an_operation_on_a_list_of_weights_reaches_the_latent_ones():
    model = quantize_(network(), "ttq")
    before = latent_of(model[1]).clone()

    torch._foreach_mul_([model[1].weight, torch.ones(2)], 3.0)

    assert torch.equal(latent_of(model[1]), before * 3)


@pytest.mark.parametrize("other", [parametrizations.weight_norm, parametrizations.spectral_norm])
def test_a_parametrization_behind_the_quantizer_is_refused_in_one_sentence(other):
    model = quantize_(network(), "ttq")
    with pytest.raises(TtqBenchError, match="was put behind the quantizer, so that the weights"):
        other(model[1])(torch.zeros(2, 6))
    with pytest.raises(TtqBenchError, match="freeze_ the model before"):
        freeze_(model)


def test_folding_batch_normalisation_into_a_quantized_layer_is_refused():
    model = nn.Sequential(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2)).eval()
    quantize_(model, "ttq", keep_first=False, keep_last=False)

    with pytest.raises(
        TtqBenchError, match=r"evaluation mode: takes no parameter .* freeze_ the model before"
    ):
        fuse_conv_bn_eval(*model)
    freeze_(model)
    images = torch.randn(3, 2, 4, 4)
    torch.testing.assert_close(fuse_conv_bn_eval(*model)(images), model(images))


class Scaled(nn.Linear):
    def reset_parameters(self, std=1.0):
        nn.init.normal_(self.weight, std=std)
        return std


def test_a_layer_of_ones_own_begins_anew_with_its_own_arguments():
    torch.manual_seed(0)
    model = nn.Sequential(*(Scaled(8, 8) for _ in range(3)))
    quantize_(model, "ttq")

    assert model[1].reset_parameters(100.0) == 100.0
    assert latent_of(model[1]).std() > 50


@pytest.mark.parametrize("read", [lambda w: w.numpy(), np.asarray])
def test_arrays_of_weights_are_read_only_however_they_are_made(read):
    array = read(quantize_(network(), "ttq")[1].weight.detach())

    assert not array.flags.writeable
