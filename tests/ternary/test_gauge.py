"""Facts about scales whose layer feeds batch normalisation.

Multiplying such a layer's weights by a constant changes nothing, so the true gradients obey
W_p * g_p + W_n * g_n = 0, and only weight decay can move the size of the pair. In double precision
and with a normalisation whose epsilon is next to nothing, all of it holds to the last digits.
"""

import itertools
import math

import pytest
import torch
from torch import Tensor, nn

from ttq_bench.ternary.conversion import quantize_, quantizer_of
from ttq_bench.ternary.quantizers import Quantizer
from ttq_bench.ternary.strategies import DeltaStrategy

STEPS = 200


class Fed(nn.Module):
    """Three layers; the middle one, which is converted, feeds a batch normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, 8)
        self.middle = nn.Linear(8, 8, bias=False)
        self.norm = nn.BatchNorm1d(8, eps=1e-30)
        self.last = nn.Linear(8, 3)

    def forward(self, features: Tensor) -> Tensor:
        return self.last(self.norm(self.middle(self.first(features).relu())).relu())


def trained(
    method: str, optimizer: str = "sgd", *, rate=0.05, momentum=0.0, decay=0.0, steps=STEPS
):
    """Train on random labels; return the quantizer and all (W_p, W_n, g_p, g_n) on the way."""
    torch.manual_seed(3)
    model = quantize_(Fed(), method, DeltaStrategy("max_fraction", 0.05)).double()
    features, labels = torch.randn(64, 6).double(), torch.arange(64) % 3
    made = {
        "sgd": lambda p: torch.optim.SGD(p, lr=rate, momentum=momentum, weight_decay=decay),
        "adam": lambda p: torch.optim.Adam(p, lr=rate),
    }[optimizer](model.parameters())
    owner, seen = quantizer_of(model.middle), []
    assert owner.feeds_batch_norm == "yes"
    for _ in range(steps):
        made.zero_grad()
        nn.functional.cross_entropy(model(features), labels).backward()
        seen.append(tuple(values(owner)))
        made.step()
    return owner, seen


def values(owner: Quantizer) -> list[float]:
    pair = owner.positive_scale, owner.negative_scale
    return [scale.item() for scale in pair] + [scale.grad.item() for scale in pair]


@pytest.mark.parametrize("method", ["ttq", "ttq-ste"])
def test_scale_gradients_cancel_at_every_step_of_a_training(method):
    for positive, negative, of_positive, of_negative in trained(method, momentum=0.9)[1]:
        size = abs(positive * of_positive) + abs(negative * of_negative)
        assert abs(positive * of_positive + negative * of_negative) < 1e-9 * max(size, 1e-6)


def test_one_tied_scale_gets_no_gradient_at_all():
    # So nothing but decay can move it: where a layer is fed, ttq-tied is ternary-plain.
    owner, seen = trained("ttq-tied")

    assert max(abs(step[2]) for step in seen) < 1e-12
    assert owner.positive_scale.item() == pytest.approx(1.0, abs=1e-9)


def test_with_the_printed_sign_the_scales_never_separate_and_with_the_true_one_they_do():
    apart = {
        method: max(abs(math.log(step[0] / step[1])) for step in trained(method)[1])
        for method in ("ttq", "ttq-as-printed")
    }

    assert apart["ttq-as-printed"] < 1e-12
    assert apart["ttq"] > 0.02


@pytest.mark.parametrize("decay", [0.0, 0.01])
def test_without_momentum_the_squared_size_follows_decay_and_the_length_of_the_steps(decay):
    rate = 0.05
    seen = trained("ttq", rate=rate, decay=decay)[1]
    for before, after in itertools.pairwise(seen):
        gradients = before[2] ** 2 + before[3] ** 2
        size = before[0] ** 2 + before[1] ** 2
        predicted = (1 - rate * decay) ** 2 * size + rate**2 * gradients
        assert after[0] ** 2 + after[1] ** 2 == pytest.approx(predicted, rel=1e-10)


def test_over_a_training_with_small_steps_decay_alone_predicts_the_squared_size():
    rate, decay = 0.002, 0.1
    seen = trained("ttq", rate=rate, decay=decay, steps=600)[1]

    factor = (seen[-1][0] ** 2 + seen[-1][1] ** 2) / 2
    assert factor == pytest.approx(math.exp(-2 * 599 * rate * decay), rel=2e-3)


def test_under_adam_the_sum_stays_while_the_ratio_moves():
    owner, _ = trained("ttq", "adam", rate=1e-3)
    positive, negative = owner.positive_scale.item(), owner.negative_scale.item()

    assert positive + negative == pytest.approx(2.0, rel=5e-3)
    assert abs(positive - negative) > 0.02
