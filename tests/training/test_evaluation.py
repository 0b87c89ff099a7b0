import math
import warnings

import pytest
import torch
from torch import Tensor, nn

from ttq_bench.training.evaluation import autocast, evaluate


def batches(*sizes: int):
    """Images that are their own logits: the first two are answered rightly, the last two not."""
    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0], [0.0, 0.0]])
    labels = torch.tensor([0, 1, 1, 1])
    return zip(logits.split(sizes), labels.split(sizes), strict=True)


def test_error_is_the_share_of_wrong_answers_in_percent():
    assert evaluate(nn.Identity(), batches(4), "fp32").error_percent == 50.0


def test_loss_is_the_mean_cross_entropy_in_nats():
    losses = [math.log1p(math.exp(-2)), math.log1p(math.exp(-1)), math.log1p(math.exp(3))]

    expected = (sum(losses) + math.log(2)) / 4

    assert evaluate(nn.Identity(), batches(4), "fp32").loss == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("sizes", [(3, 1), (1, 3), (2, 2), (1, 1, 1, 1)])
def test_batches_count_by_their_images(sizes):
    whole, parts = (evaluate(nn.Identity(), batches(*s), "fp32") for s in ((4,), sizes))

    assert parts.error_percent == whole.error_percent
    assert parts.loss == pytest.approx(whole.loss)


def test_evaluation_leaves_the_running_statistics_as_they_were():
    model = nn.BatchNorm1d(2)

    evaluate(model, batches(4), "fp32")

    assert model.num_batches_tracked.item() == 0
    assert model.running_mean.tolist() == [0.0, 0.0]


def test_evaluation_uses_running_statistics_and_drops_nothing():
    model = nn.Sequential(nn.BatchNorm1d(2, eps=1e-12), nn.Dropout(0.9))

    assert evaluate(model, batches(4), "fp32") == evaluate(nn.Identity(), batches(4), "fp32")


def test_a_network_is_in_training_mode_afterwards():
    model = nn.Dropout().eval()

    evaluate(model, batches(4), "fp32")

    assert model.training


@pytest.mark.parametrize(
    ("precision", "dtype"), [("bf16", torch.bfloat16), ("fp32", torch.float32)]
)
def test_products_are_made_in_the_precision_of_the_recipe(precision, dtype):
    seen = []

    class Spy(nn.Linear):
        def forward(self, features: Tensor) -> Tensor:
            seen.append(super().forward(features))
            return seen[-1]

    evaluate(Spy(2, 2), batches(4), precision)

    assert seen[0].dtype == dtype
    assert not seen[0].requires_grad


def test_top5_errors_are_labels_outside_the_five_largest_logits_where_they_are_asked_for():
    logits = torch.tensor([[6.0, 5.0, 4.0, 3.0, 2.0, 1.0]] * 4)
    pairs = [(logits[:3], torch.tensor([0, 4, 5])), (logits[3:], torch.tensor([1]))]

    found = evaluate(nn.Identity(), pairs, "fp32", top5=True)

    assert (found.error_percent, found.top5_error_percent) == (75.0, 25.0)
    assert evaluate(nn.Identity(), pairs, "fp32").top5_error_percent is None


@pytest.mark.parametrize(("precision", "inputs"), [("bf16", "tf32"), ("fp32", "ieee")])
def test_a_gpu_tries_its_kernels_and_shortens_no_inputs_of_single_precision(
    precision, inputs, monkeypatch
):
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there is none here
        with autocast(torch.device("cuda"), precision):
            assert torch.backends.cudnn.benchmark
            assert torch.backends.cudnn.conv.fp32_precision == inputs
