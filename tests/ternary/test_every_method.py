"""Every entry of ``METHODS`` against the slow twin and, where scales are learned, differences."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests import reference
from ttq_bench.ternary.methods import METHODS
from ttq_bench.ternary.quantizers import Quantizer
from ttq_bench.ternary.strategies import DeltaStrategy

STRATEGY = DeltaStrategy("max_fraction", 0.3)
HELD = DeltaStrategy("constant_sparsity", 0.5, update="epoch")
QUANTIZED = sorted(name for name in METHODS if METHODS[name].is_quantized)
LEARNED = [name for name in QUANTIZED if METHODS[name].scales.startswith("learned")]
# For W_p and W_n: is the gradient the derivative? Where it is not, the method means it so.
NO_DERIVATIVE = {"ttq-as-printed": [True, False], "ttq-mean-grad": [False, False]}
NUMBERS = st.floats(-2, 2, width=32)
SCALES = st.tuples(st.floats(0.125, 4), st.floats(0.125, 4))


def quantizer(name, latent, scales=(1.0, 1.0), granularity="layer"):
    """Return a layer's quantizer in double precision, its learned scales set."""
    method = METHODS[name]
    made = Quantizer(method, method.strategy or STRATEGY, latent, granularity=granularity).double()
    if method.scales.startswith("learned"):
        with torch.no_grad():
            made.negative_scale.fill_(scales[1])
            made.positive_scale.fill_(scales[0])  # last: a tied pair has this one
    return made


def expected(name, latent, scales, incoming):
    """Return the slow twin's step for one group of weights."""
    strategy = METHODS[name].strategy or STRATEGY
    threshold = reference.THRESHOLDS[strategy.name](latent, strategy.number)
    return reference.step(name, latent, threshold, scales, incoming)


def assert_same(found, numbers):
    assert found.flatten().tolist() == pytest.approx(numbers, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("name", QUANTIZED)
@given(pairs=st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=30), scales=SCALES)
def test_forward_and_all_gradients_agree_with_the_slow_twin(name, pairs, scales):
    values, incoming = (list(column) for column in zip(*pairs, strict=True))
    latent = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    made = quantizer(name, latent, scales)

    weights = made(latent)
    weights.backward(torch.tensor(incoming, dtype=torch.float64))

    twin = expected(name, values, scales, incoming)
    assert_same(weights, twin.weights)
    assert_same(latent.grad, twin.latent_gradient)
    gradients = [p.grad.item() for p in made.parameters()]
    wanted = [twin.positive_gradient, twin.negative_gradient][: len(gradients)]
    assert gradients == pytest.approx(wanted, rel=1e-12, abs=1e-12)
    assert bool(gradients) == (twin.positive_gradient is not None)


@pytest.mark.parametrize("name", QUANTIZED)
def test_by_channel_each_channel_is_a_layer_of_its_own(name):
    generator = torch.Generator().manual_seed(7)
    latent = torch.randn(4, 3, 2, 2, generator=generator, dtype=torch.float64).requires_grad_()
    incoming = torch.randn(4, 3, 2, 2, generator=generator, dtype=torch.float64)
    made = quantizer(name, latent, (1.5, 0.5), granularity="channel")

    weights = made(latent)
    weights.backward(incoming)

    for channel in range(4):
        twin = expected(
            name,
            latent[channel].flatten().tolist(),
            (1.5, 0.5),
            incoming[channel].flatten().tolist(),
        )
        assert_same(weights[channel], twin.weights)
        assert_same(latent.grad[channel], twin.latent_gradient)
        if twin.positive_gradient is not None:
            assert_same(made.positive_scale.grad[channel], [twin.positive_gradient])
            assert_same(made.negative_scale.grad[channel], [twin.negative_gradient])


@pytest.mark.parametrize("name", LEARNED)
def test_finite_differences_tell_which_scale_gradients_are_derivatives(name):
    latent = torch.randn(40, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    made = quantizer(name, latent, (1.5, 0.7))
    direction = torch.randn(40, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    (made(latent) * direction).sum().backward()

    def difference(scale, step=1e-6):
        with torch.no_grad():
            values = []
            for sign in (1, -1):
                scale.add_(sign * step)
                values.append(float((made(latent) * direction).sum()))
                scale.sub_(sign * step)
        return (values[0] - values[1]) / (2 * step)

    agree = [scale.grad.item() == pytest.approx(difference(scale)) for scale in made.parameters()]

    assert agree == NO_DERIVATIVE.get(name, [True] * len(agree))


@pytest.mark.parametrize("name", QUANTIZED)
def test_only_learned_scales_are_parameters(name):
    made = quantizer(name, torch.randn(10))

    count = {"learned_pair": 2, "learned_one": 1}.get(METHODS[name].scales, 0)
    assert len(list(made.parameters())) == count


@pytest.mark.parametrize("name", QUANTIZED)
def test_only_learned_scales_move_the_weights(name):
    latent = torch.linspace(-1, 1, 9, dtype=torch.float64)

    one, other = (quantizer(name, latent, scales)(latent) for scales in ((1.0, 1.0), (2.0, 3.0)))

    assert torch.equal(one, other) == (name not in LEARNED)


@pytest.mark.parametrize("seed", range(20))
def test_a_threshold_held_in_double_precision_gives_the_codes_of_the_rule(seed):
    generator = torch.Generator().manual_seed(seed)
    latent = torch.randn(30, generator=generator, dtype=torch.float64)

    held = Quantizer(METHODS["ttq"], HELD, latent)

    assert held.codes(latent).tolist() == reference.codes(
        latent.tolist(), reference.constant_sparsity(latent.tolist(), 0.5)
    )


@pytest.mark.parametrize("name", ["ttq", "ttq-ste", "ttq-tied", "ternary-plain"])
def test_normalised_weights_are_the_twin_of_the_divided_ones_and_so_is_their_gradient(name):
    values = [0.5, -0.2, 0.05, -2.0, 1.0]
    incoming = [1.0, -2.0, 3.0, 4.0, -5.0]
    latent = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    made = Quantizer(METHODS[name], STRATEGY, latent, normalise_latent="max").double()

    weights = made(latent)
    weights.backward(torch.tensor(incoming, dtype=torch.float64))

    twin = expected(name, [value / 2 for value in values], (1.0, 1.0), incoming)
    assert_same(weights, twin.weights)
    assert_same(latent.grad, [gradient / 2 for gradient in twin.latent_gradient])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_mean_magnitudes_are_summed_and_counted_in_single_precision(dtype):
    latent = torch.ones(70_000, dtype=dtype)

    _, _, (scale, _) = Quantizer(METHODS["twn"], METHODS["twn"].strategy, latent).parts(latent)
    learned = Quantizer(METHODS["ttq"], STRATEGY, latent)
    learned.set_initial_scales(latent, "least_squares")

    assert (scale.dtype, scale.item()) == (torch.float32, 1.0)
    assert learned.positive_scale.item() == 1.0
