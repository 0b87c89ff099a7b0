import math
import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests import reference
from tests.rule_numbers import number_of
from ttq_bench.errors import TtqBenchError
from ttq_bench.ternary.gradients import ternary_sets
from ttq_bench.ternary.strategies import DeltaStrategy
from ttq_bench.ternary.thresholds import (
    THRESHOLDS,
    check_strategy,
    constant_sparsity,
    max_fraction,
)

ALL = sorted(THRESHOLDS)
LATENTS = st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=40)
SHARES = st.floats(0, 0.99)  # of the way through a rule's range; for constant_sparsity of zeros


def ternary_codes(latent: torch.Tensor, threshold: torch.Tensor) -> torch.Tensor:
    positive, negative = ternary_sets(latent, threshold)
    return positive - negative


def zeros(latent: torch.Tensor, threshold: torch.Tensor) -> int:
    return int((ternary_codes(latent, threshold) == 0).sum())


def test_max_fraction_is_a_share_of_the_largest_magnitude():
    assert max_fraction(torch.tensor([[1.0, -8.0], [4.0, 0.0]]), 0.25).item() == 2.0


def test_constant_sparsity_is_the_magnitude_of_the_last_weight_that_becomes_zero():
    latent = torch.tensor([[5.0, -1.0], [3.0, -2.0]])

    assert constant_sparsity(latent, 0.5).item() == 2.0
    assert constant_sparsity(latent, 0.75).item() == 3.0


def test_no_sparsity_asked_for_makes_only_exact_zeros_zero():
    latent = torch.tensor([1e-30, 0.0, -5.0])

    assert zeros(latent, constant_sparsity(latent, 0.0)) == 1


@given(values=LATENTS, share=SHARES)
@pytest.mark.parametrize("name", ALL)
def test_every_rule_agrees_with_its_slow_twin(name, values, share):
    assert name in reference.THRESHOLDS, "write its slow twin in tests/reference.py"
    number = number_of(name, share)
    expected = reference.THRESHOLDS[name](values, number)

    given_ = THRESHOLDS[name].threshold(torch.tensor(values, dtype=torch.float64), number)

    assert given_.item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("name", ALL)
def test_every_rule_returns_a_detached_scalar_of_at_least_single_precision(name, dtype, device):
    latent = torch.randn(3, 2, 3, 3, dtype=dtype, device=device, requires_grad=True)

    threshold = THRESHOLDS[name].threshold(latent, number_of(name, 0.3))

    assert threshold.shape == ()
    assert not threshold.requires_grad
    assert threshold.dtype == (torch.float64 if dtype is torch.float64 else torch.float32)
    assert threshold.device == latent.device
    assert threshold.item() >= 0


@pytest.mark.parametrize("shape", [(5, 7), (5, 3, 2, 2)])
@pytest.mark.parametrize("name", ALL)
def test_by_channel_every_rule_is_itself_on_each_channel(name, shape):
    latent = torch.randn(shape, generator=torch.Generator().manual_seed(8), dtype=torch.float64)
    rule = THRESHOLDS[name].threshold

    number = number_of(name, 0.4)

    found = rule(latent, number, tuple(range(1, latent.ndim)))

    assert found.shape == (5, *(1 for _ in shape[1:]))
    assert found.flatten().tolist() == pytest.approx([rule(c, number).item() for c in latent])


@pytest.mark.parametrize("name", ALL)
def test_every_rule_leaves_the_latent_weights_as_they_are(name):
    latent = torch.randn(50, generator=torch.Generator().manual_seed(1))
    before = latent.clone()

    THRESHOLDS[name].threshold(latent, number_of(name, 0.4))

    assert torch.equal(latent, before)


@pytest.mark.parametrize("name", ALL)
def test_every_rule_ignores_shape_and_strides(name):
    latent = torch.randn(6, 4, 3, 3, generator=torch.Generator().manual_seed(2))
    rule, number = THRESHOLDS[name].threshold, number_of(name, 0.3)

    expected = rule(latent.flatten(), number)

    assert torch.equal(rule(latent.to(memory_format=torch.channels_last), number), expected)
    assert torch.equal(rule(latent.transpose(0, 1), number), expected)
    assert torch.equal(rule(latent.repeat_interleave(2, dim=3)[..., ::2], number), expected)


@given(values=LATENTS, share=SHARES, power=st.integers(-20, 20))
@pytest.mark.parametrize("name", ALL)
def test_a_common_positive_factor_does_not_change_the_codes(name, values, share, power):
    number = number_of(name, share)
    # Powers of two, so that no product is rounded; doubles, so that none underflows.
    latent = torch.tensor(values, dtype=torch.float64)
    rule = THRESHOLDS[name].threshold

    codes, scaled = (
        ternary_codes(weights, rule(weights, number)) for weights in (latent, latent * 2.0**power)
    )

    assert torch.equal(codes, scaled)


@given(values=LATENTS, shares=st.tuples(SHARES, SHARES))
@pytest.mark.parametrize("name", ALL)
def test_a_larger_number_never_lowers_the_sparsity(name, values, shares):
    latent, rule = torch.tensor(values, dtype=torch.float64), THRESHOLDS[name].threshold
    few, many = (zeros(latent, rule(latent, number_of(name, s))) for s in sorted(shares))

    assert few <= many


@given(values=st.sets(st.floats(2**-10, 1e3, width=32), min_size=1, max_size=60), share=SHARES)
def test_sparsity_without_ties_is_hit_to_the_nearest_weight(values, share):
    latent = torch.tensor([value * (-1) ** i for i, value in enumerate(values)])
    count = len(values)

    assert abs(zeros(latent, constant_sparsity(latent, share)) / count - share) <= 0.5000001 / count


@given(values=st.lists(st.sampled_from([-2.0, -1.0, 0.0, 1.0, 2.0]), min_size=1), share=SHARES)
def test_ties_only_raise_the_sparsity(values, share):
    latent = torch.tensor(values)

    assert zeros(latent, constant_sparsity(latent, share)) >= round(share * len(values))


ANY_NUMBER = st.floats(width=32) | st.sampled_from([0.0, -0.0, 1.0, -1.0])


def by_kthvalue(groups: torch.Tensor, share: float) -> torch.Tensor:
    """Return what torch alone says, for each row."""
    zeros = round(share * groups.shape[1])
    return groups.abs().kthvalue(zeros, 1).values if zeros else torch.zeros(len(groups))


def assert_same_bits(found: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(found.flatten(), expected, rtol=0, atol=0, equal_nan=True)


@given(data=st.data(), rows=st.integers(1, 4), share=SHARES)
def test_the_number_found_is_the_one_that_kthvalue_finds(data, rows, share):
    count = data.draw(st.integers(1, 80))
    values = data.draw(st.lists(ANY_NUMBER, min_size=rows * count, max_size=rows * count))
    latent = torch.tensor(values).view(rows, count)

    assert_same_bits(constant_sparsity(latent, share, (1,)), by_kthvalue(latent, share))
    assert_same_bits(constant_sparsity(latent, share), by_kthvalue(latent.view(1, -1), share))


@pytest.mark.parametrize("size", [1, 2, 2304, 36864])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_on_latent_weights_that_move_it_stays_the_one_that_kthvalue_finds(size, share):
    generator = torch.Generator().manual_seed(size)
    latent = torch.randn(1, size, generator=generator)
    for _ in range(20):
        latent += 0.1 * torch.randn(1, size, generator=generator)
        latent.clamp_(-1.5, 1.5)  # many equal magnitudes
        assert_same_bits(constant_sparsity(latent, share), by_kthvalue(latent, share))
    latent[:, : size // 3] = torch.nan
    assert_same_bits(constant_sparsity(latent, share), by_kthvalue(latent, share))


def test_weights_that_share_their_memory_stay_as_they_are():
    latent = torch.tensor([3.0, -1.0, 2.0]).expand(4, 3)

    assert constant_sparsity(latent, 0.5).item() == 2.0
    assert latent[0].tolist() == [3.0, -1.0, 2.0]


@pytest.mark.slow
def test_torch_without_numpy_finds_the_same():
    program = (
        "import sys; sys.modules['numpy'] = None\n"
        "import torch\n"
        "from ttq_bench.ternary.thresholds import constant_sparsity\n"
        "print(constant_sparsity(torch.tensor([5.0, -1.0, 3.0, -2.0]), 0.75).item())\n"
        "torch.zeros(1).numpy()"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=False
    )

    assert done.stdout == "3.0\n"
    assert "Numpy is not available" in done.stderr


@pytest.mark.parametrize("name", ALL)
def test_a_layer_of_zeros_stays_zero(name):
    latent = torch.zeros(4, 3)

    assert zeros(latent, THRESHOLDS[name].threshold(latent, number_of(name, 0.3))) == 12


@pytest.mark.parametrize("value", [0.7, -0.7])
def test_constant_weights_survive_a_fraction_of_their_maximum_and_no_tie_at_it(value):
    latent = torch.full((10,), value)

    assert zeros(latent, max_fraction(latent, 0.99)) == 0
    assert zeros(latent, constant_sparsity(latent, 0.1)) == 10


@pytest.mark.parametrize("name", ALL)
def test_one_weight_is_kept_at_the_lower_end_of_the_range(name):
    latent, rule = torch.tensor([-0.3]), THRESHOLDS[name]

    assert ternary_codes(latent, rule.threshold(latent, rule.low)).tolist() == [-1]


@given(values=LATENTS, share=SHARES)
@pytest.mark.parametrize("name", ALL)
def test_every_threshold_is_a_number_that_is_not_negative(name, values, share):
    latent = torch.tensor(values, dtype=torch.float64)

    assert 0 <= THRESHOLDS[name].threshold(latent, number_of(name, share)).item() < math.inf


@pytest.mark.parametrize("name", ALL)
def test_the_lower_end_of_the_range_is_allowed_and_the_upper_is_not(name):
    rule = THRESHOLDS[name]

    check_strategy("here", DeltaStrategy(name, rule.low))
    check_strategy("here", DeltaStrategy(name, math.nextafter(rule.high, -math.inf)))
    for number in (rule.high, math.nextafter(rule.low, -math.inf), math.nan, math.inf):
        with pytest.raises(TtqBenchError, match=f"here: {name} takes a .* got "):
            check_strategy("here", DeltaStrategy(name, number))
