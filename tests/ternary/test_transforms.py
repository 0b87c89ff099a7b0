"""``torch.func`` over converted networks: the same gradients as those of ``backward``."""

from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, jvp, vmap

from ttq_bench.ternary.conversion import quantize_
from ttq_bench.ternary.fused.rows import fuse_
from ttq_bench.ternary.methods import METHODS
from ttq_bench.ternary.strategies import DeltaStrategy

# torch.func.jvp calls what torch itself has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:FutureWarning")

INPUTS = torch.randn(7, 4, generator=torch.Generator().manual_seed(1))
CASES = {
    **{name: (name, {}) for name in METHODS if METHODS[name].is_quantized},
    "channel": ("ttq", {"granularity": "channel"}),
    "max": ("ttq", {"normalise_latent": "max"}),
    "tanh": ("ttq", {"normalise_latent": "tanh"}),
    "sparsity": ("ttq", {"strategy": DeltaStrategy("constant_sparsity", 0.5)}),
    "held": ("ttq", {"strategy": DeltaStrategy("mean_fraction", 0.7, update="epoch")}),
}


def network(case, fused):
    torch.manual_seed(0)
    sizes = (4, 5, 6, 6, 3)
    layers = [nn.Linear(n, m) for n, m in pairwise(sizes)]
    model = nn.Sequential(layers[0], nn.ReLU(), *layers[1:3], nn.ReLU(), layers[3])
    method, options = CASES[case]
    quantize_(model, method, initial_scales="least_squares", **options)
    return fuse_(model) if fused else model


@pytest.fixture(params=[False, True], ids=["plain", "fused"])
def fused(request):
    return request.param


def loss_of(model):
    buffers = dict(model.named_buffers())

    def loss(parameters, inputs):
        return functional_call(model, (parameters, buffers), (inputs,)).square().sum()

    return loss, {name: value.detach() for name, value in model.named_parameters()}


@pytest.mark.parametrize("case", sorted(CASES))
def test_the_gradient_of_a_functional_call_is_that_of_backward(case, fused):
    model = network(case, fused)
    loss, parameters = loss_of(model)

    found = grad(loss)(parameters, INPUTS)

    model(INPUTS).square().sum().backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(found[name], parameter.grad)


@pytest.mark.parametrize("case", sorted(CASES))
def test_gradients_by_example_add_up_to_the_gradient_of_the_batch(case, fused):
    loss, parameters = loss_of(network(case, fused))

    by_example = vmap(grad(loss), in_dims=(None, 0))(parameters, INPUTS.unsqueeze(1))

    whole = grad(loss)(parameters, INPUTS)
    for name, value in whole.items():
        torch.testing.assert_close(by_example[name].sum(0), value, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("case", sorted(CASES))
def test_forward_mode_gives_the_product_with_the_gradient(case, fused):
    loss, parameters = loss_of(network(case, fused))
    generator = torch.Generator().manual_seed(2)
    direction = {k: torch.randn(v.shape, generator=generator) for k, v in parameters.items()}

    _, found = jvp(lambda some: loss(some, INPUTS), (parameters,), (direction,))

    whole = grad(loss)(parameters, INPUTS)
    expected = sum((whole[name] * direction[name]).sum() for name in whole)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("case", sorted(CASES))
def test_networks_side_by_side_answer_as_one_by_one(case, fused):
    model = network(case, fused)
    loss, parameters = loss_of(model)
    stacked = {k: torch.stack([v, 1.5 * v, 0.5 * v]) for k, v in parameters.items()}

    found = vmap(grad(loss), in_dims=(0, None))(stacked, INPUTS)

    for place in range(3):
        one = grad(loss)({k: v[place] for k, v in stacked.items()}, INPUTS)
        for name, value in one.items():
            torch.testing.assert_close(found[name][place], value, rtol=1e-4, atol=1e-4)
