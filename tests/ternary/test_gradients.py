import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests import reference
from ttq_bench.ternary.gradients import ternary_codes, trained_ternary

VALUES = st.floats(-2, 2, width=32)
SCALES = st.floats(0.125, 4)


def double(value) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)


def run(latent, positive_scale, negative_scale, threshold, incoming):
    """Return the ternary weights and the gradients of latent weights, W_p and W_n."""
    latent = latent.detach().requires_grad_()
    scales = [scale.detach().requires_grad_() for scale in (positive_scale, negative_scale)]
    weights = trained_ternary(latent, *scales, threshold)
    weights.backward(incoming)
    return weights.detach(), latent.grad, scales[0].grad, scales[1].grad


LATENT = double([0.9, 0.2, -0.1, -0.3, -0.8, 0.5])
INCOMING = double([1.0, 10.0, 100.0, 2.0, 3.0, 4.0])
HAND = (LATENT, double(2.0), double(3.0), double(0.2), INCOMING)


def test_weights_beyond_the_threshold_become_a_scale_and_those_at_it_zero():
    assert run(*HAND)[0].tolist() == [2.0, 0.0, 0.0, -3.0, -3.0, 2.0]


def test_scales_act_as_learning_rate_multipliers_of_the_latent_weights():
    assert run(*HAND)[1].tolist() == [2.0, 10.0, 100.0, 6.0, 9.0, 8.0]


def test_gradient_of_the_positive_scale_is_the_sum_over_its_set():
    assert run(*HAND)[2].item() == 1.0 + 4.0


def test_gradient_of_the_negative_scale_is_minus_the_sum_over_its_set():
    assert run(*HAND)[3].item() == -(2.0 + 3.0)


def test_finite_differences_agree_with_the_gradients_of_both_scales():
    scales = [double(1.5).requires_grad_(), double(0.7).requires_grad_()]

    assert torch.autograd.gradcheck(lambda p, n: trained_ternary(LATENT, p, n, double(0.2)), scales)


def test_a_step_against_the_gradient_of_the_negative_scale_lowers_the_loss():
    # With the sign that Eq. 7 prints this step would raise it.
    def loss(negative_scale):
        weights = trained_ternary(LATENT, double(1.0), negative_scale, double(0.2))
        return (weights * INCOMING).sum()

    scale = double(1.0).requires_grad_()
    loss(scale).backward()

    assert loss(scale.detach() - 0.1 * scale.grad) < loss(scale.detach())


@given(
    pairs=st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=40),
    scales=st.tuples(SCALES, SCALES),
    threshold=st.floats(0, 2.5),
)
def test_forward_and_backward_agree_with_the_slow_twin(pairs, scales, threshold):
    latent, incoming = (list(column) for column in zip(*pairs, strict=True))

    weights, latent_gradient, *scale_gradients = run(
        double(latent), double(scales[0]), double(scales[1]), double(threshold), double(incoming)
    )

    assert weights.tolist() == reference.forward(latent, *scales, threshold)
    assert latent_gradient.tolist() == reference.latent_gradients(
        latent, *scales, threshold, incoming
    )
    assert [gradient.item() for gradient in scale_gradients] == pytest.approx(
        reference.scale_gradients(latent, threshold, incoming), rel=1e-12, abs=1e-12
    )


@given(latent=st.lists(VALUES, min_size=1, max_size=40), threshold=st.floats(0, 2.5))
def test_there_are_at_most_three_values_each_with_the_sign_of_its_latent_weight(latent, threshold):
    tensor = torch.tensor(latent)

    weights = trained_ternary(tensor, torch.tensor(2.0), torch.tensor(3.0), torch.tensor(threshold))

    assert set(weights.tolist()) <= {2.0, 0.0, -3.0}
    assert bool((weights * tensor >= 0).all())


def test_codes_are_int8_and_carry_no_gradient():
    codes = ternary_codes(LATENT.clone().requires_grad_(), double(0.2))

    assert codes.dtype == torch.int8
    assert codes.tolist() == [1, 0, 0, -1, -1, 1]
    assert not codes.requires_grad


def test_the_threshold_gets_no_gradient():
    threshold = double(0.2).requires_grad_()
    latent = LATENT.clone().requires_grad_()

    trained_ternary(latent, double(1.0), double(1.0), threshold).sum().backward()

    assert threshold.grad is None


def test_bfloat16_weights_are_compared_with_a_threshold_that_is_not_rounded():
    # 0.05 is 0.050048828125 in bfloat16: beyond the threshold, equal to the rounded one.
    latent = torch.tensor([1.0, 0.05, -0.05, 0.04], dtype=torch.bfloat16)

    assert ternary_codes(latent, torch.tensor(0.05)).tolist() == [1, 1, -1, 0]


def test_bfloat16_weights_have_bfloat16_results_and_single_precision_scale_gradients():
    # 257 ones add up to 256 in bfloat16.
    latent = torch.cat([torch.ones(257), -torch.ones(257)]).bfloat16()
    scales = torch.tensor(1.0), torch.tensor(1.0)

    weights, latent_gradient, *scale_gradients = run(
        latent, *scales, torch.tensor(0.5), torch.ones_like(latent)
    )

    assert weights.dtype == latent_gradient.dtype == torch.bfloat16
    assert [gradient.dtype for gradient in scale_gradients] == [torch.float32] * 2
    assert [gradient.item() for gradient in scale_gradients] == [257.0, -257.0]


def _layouts(latent: torch.Tensor) -> dict[str, torch.Tensor]:
    return {
        "channels_last": latent.to(memory_format=torch.channels_last),
        "transposed": latent.transpose(0, 1).contiguous().transpose(0, 1),
        "strided": latent.repeat_interleave(2, dim=3)[..., ::2],
    }


@pytest.mark.parametrize("layout", ["channels_last", "transposed", "strided"])
def test_memory_layout_changes_no_value_and_no_gradient(layout, device):
    generator = torch.Generator().manual_seed(3)
    latent, incoming = torch.randn(2, 4, 3, 5, 5, generator=generator).double().to(device)
    scales = [double(value).to(device) for value in (1.3, 0.6, 0.4)]
    other = _layouts(latent)[layout]
    assert not other.is_contiguous()

    for expected, given_ in zip(
        run(latent, *scales, incoming), run(other, *scales, incoming), strict=True
    ):
        torch.testing.assert_close(given_, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("layout", ["channels_last", "transposed"])
def test_result_keeps_the_memory_layout_of_dense_latent_weights(layout, device):
    latent = _layouts(torch.randn(4, 3, 5, 5, device=device))[layout]
    one = torch.ones((), device=device)

    assert trained_ternary(latent, one, one, one).stride() == latent.stride()


def test_the_map_on_the_device_agrees_with_the_slow_twin(device):
    latent = torch.linspace(-1, 1, 41, dtype=torch.float64).tolist()
    weights, *_ = run(
        double(latent).to(device),
        *[double(value).to(device) for value in (1.5, 2.5, 0.31)],
        torch.ones(41, dtype=torch.float64, device=device),
    )

    assert weights.tolist() == reference.forward(latent, 1.5, 2.5, 0.31)
