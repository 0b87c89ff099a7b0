"""The maps themselves. Every method against its slow twin: test_every_method.py."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests import reference
from ttq_bench.ternary.gradients import binary_sets, quantized, ternary_sets
from ttq_bench.ternary.methods import Method

VALUES = st.floats(-2, 2, width=32)


def double(value) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)


def trained_ternary(latent, positive_scale, negative_scale, threshold, **rules):
    method = Method("test", "a test", **rules)
    scales = positive_scale, negative_scale
    return quantized(latent, ternary_sets(latent, threshold), scales, method)


def run(latent, positive_scale, negative_scale, threshold, incoming, **rules):
    """Return the ternary weights and the gradients of latent weights, W_p and W_n."""
    latent = latent.detach().requires_grad_()
    scales = [scale.detach().requires_grad_() for scale in (positive_scale, negative_scale)]
    weights = trained_ternary(latent, *scales, threshold, **rules)
    weights.backward(incoming)
    return weights.detach(), latent.grad, scales[0].grad, scales[1].grad


LATENT = double([0.9, 0.2, -0.1, -0.3, -0.8, 0.5])
INCOMING = double([1.0, 10.0, 100.0, 2.0, 3.0, 4.0])
HAND = (LATENT, double(2.0), double(3.0), double(0.2), INCOMING)


def test_weights_beyond_the_threshold_become_a_scale_and_those_at_it_zero():
    assert run(*HAND)[0].tolist() == [2.0, 0.0, 0.0, -3.0, -3.0, 2.0]


def test_scales_act_as_learning_rate_multipliers_of_the_latent_weights():
    assert run(*HAND)[1].tolist() == [2.0, 10.0, 100.0, 6.0, 9.0, 8.0]


def test_straight_through_hands_the_gradient_on_as_it_is():
    assert run(*HAND, latent_gradient="straight_through")[1].tolist() == INCOMING.tolist()


def test_a_clipped_sign_lets_through_the_scale_within_one_and_a_nth_everywhere():
    latent = double([0.5, -1.0, 1.5, -2.0]).requires_grad_()
    scale = double(2.0)

    method = Method("test", "a test", latent_gradient="clipped_sign")
    quantized(latent, binary_sets(latent), (scale, scale), method).sum().backward()

    assert latent.grad.tolist() == [2.25, 2.25, 0.25, 0.25]


@pytest.mark.parametrize(
    ("rule", "of_positive", "of_negative"),
    [
        ("sum", 1.0 + 4.0, -(2.0 + 3.0)),
        ("as_printed", 1.0 + 4.0, 2.0 + 3.0),
        ("mean", (1.0 + 4.0) / 2, -(2.0 + 3.0) / 2),
    ],
)
def test_the_gradient_of_a_scale_is_gathered_over_its_set(rule, of_positive, of_negative):
    found = run(*HAND, scale_gradient=rule)

    assert (found[2].item(), found[3].item()) == (of_positive, of_negative)


@pytest.mark.parametrize("rule", ["sum", "mean", "as_printed"])
def test_the_gradient_of_an_empty_set_is_zero(rule):
    found = run(LATENT, double(1.0), double(1.0), double(0.85), INCOMING, scale_gradient=rule)

    assert found[3].item() == 0.0


@pytest.mark.parametrize("rule", ["sum", "as_printed"])
def test_finite_differences_agree_with_the_true_sign_and_contradict_the_printed_one(rule):
    scales = [double(1.5).requires_grad_(), double(0.7).requires_grad_()]

    agree = torch.autograd.gradcheck(
        lambda p, n: trained_ternary(LATENT, p, n, double(0.2), scale_gradient=rule),
        scales,
        raise_exception=False,
    )

    assert agree == (rule == "sum")


def test_scales_of_channels_get_the_gradients_of_their_channels():
    latent, incoming = LATENT.reshape(2, 3), INCOMING.reshape(2, 3)
    scales = double([[2.0], [5.0]]), double([[3.0], [7.0]])

    weights, latent_gradient, positive, negative = run(latent, *scales, double(0.2), incoming)

    assert weights.tolist() == [[2.0, 0.0, 0.0], [-7.0, -7.0, 5.0]]
    assert latent_gradient.tolist() == [[2.0, 10.0, 100.0], [14.0, 21.0, 20.0]]
    assert positive.tolist() == [[1.0], [4.0]]
    assert negative.tolist() == [[0.0], [-5.0]]


@given(latent=st.lists(VALUES, min_size=1, max_size=40), threshold=st.floats(0, 2.5))
def test_there_are_at_most_three_values_each_with_the_sign_of_its_latent_weight(latent, threshold):
    tensor = torch.tensor(latent)

    weights = trained_ternary(tensor, torch.tensor(2.0), torch.tensor(3.0), torch.tensor(threshold))

    assert set(weights.tolist()) <= {2.0, 0.0, -3.0}
    assert bool((weights * tensor >= 0).all())


@given(latent=st.lists(VALUES, min_size=1, max_size=40), threshold=st.floats(0, 2.5))
def test_sets_are_those_of_the_slow_twin(latent, threshold):
    for sets, codes in (
        (ternary_sets(double(latent), double(threshold)), reference.codes(latent, threshold)),
        (binary_sets(double(latent)), reference.signs(latent)),
    ):
        assert (sets[0] - sets[1]).tolist() == codes
        assert bool((sets[0] * sets[1] == 0).all())


def test_sets_carry_no_gradient():
    latent = LATENT.clone().requires_grad_()

    assert not any(members.requires_grad for members in ternary_sets(latent, double(0.2)))
    assert not any(members.requires_grad for members in binary_sets(latent))


def test_the_threshold_gets_no_gradient():
    threshold = double(0.2).requires_grad_()
    latent = LATENT.clone().requires_grad_()

    trained_ternary(latent, double(1.0), double(1.0), threshold).sum().backward()

    assert threshold.grad is None


def test_bfloat16_weights_are_compared_with_a_threshold_that_is_not_rounded():
    # 0.05 is 0.050048828125 in bfloat16: beyond the threshold, equal to the rounded one.
    latent = torch.tensor([1.0, 0.05, -0.05, 0.04], dtype=torch.bfloat16)

    positive, negative = ternary_sets(latent, torch.tensor(0.05))

    assert (positive.tolist(), negative.tolist()) == ([1, 1, 0, 0], [0, 0, 1, 0])


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


def test_the_mean_gradient_of_many_bfloat16_weights_counts_all_of_them():
    # 301 is no bfloat16: rounded, the mean would be 301 / 300.
    latent = torch.cat([torch.ones(301), -torch.ones(301)]).bfloat16()
    one = torch.tensor(1.0)

    found = run(latent, one, one, torch.tensor(0.5), torch.ones_like(latent), scale_gradient="mean")

    assert (found[2].item(), found[3].item()) == (1.0, -1.0)


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
