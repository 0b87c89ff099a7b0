"""Convolutions on processors without bfloat16: the same products, another order of additions."""

from contextlib import nullcontext

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ttq_bench.training import bfloat16
from ttq_bench.training.bfloat16 import SinglePrecisionConvolutions
from ttq_bench.training.evaluation import autocast

CPU = torch.device("cpu")


def small_network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
        nn.Conv2d(8, 4, 3, stride=2), nn.Flatten(), nn.Linear(4 * 7 * 7, 10),
    )  # fmt: skip


def losses_and_gradients(context):
    model = small_network()
    images = torch.randn(16, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    with context, torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(images)
    loss = F.cross_entropy(logits.float(), torch.arange(16) % 10)
    loss.backward()
    return logits, loss.item(), [parameter.grad for parameter in model.parameters()]


def test_a_detour_gives_what_bfloat16_convolutions_give_up_to_rounding():
    wanted = losses_and_gradients(nullcontext())
    found = losses_and_gradients(SinglePrecisionConvolutions())

    assert found[0].dtype == wanted[0].dtype == torch.bfloat16
    assert found[1] == pytest.approx(wanted[1], rel=5e-3)
    for mine, theirs in zip(found[2], wanted[2], strict=True):
        assert mine.dtype == theirs.dtype
        assert (mine - theirs).norm() <= 0.02 * theirs.norm()


def test_sums_are_exact_where_single_precision_holds_them():
    # Whole numbers: every product and sum is exact, so that only the rounding at the end is left.
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(-4, 5, (2, 3, 8, 8), generator=generator).float()
    kernels = torch.randint(-4, 5, (5, 3, 3, 3), generator=generator).float()

    with torch.autocast("cpu", dtype=torch.bfloat16), SinglePrecisionConvolutions():
        found = F.conv2d(images, kernels, padding=1)

    assert torch.equal(found, F.conv2d(images, kernels, padding=1).to(torch.bfloat16))


def test_inputs_are_rounded_first():
    fine = torch.full((1, 1, 1, 1), 1 + 2**-10)  # bfloat16 has 8 bits: it becomes 1

    with torch.autocast("cpu", dtype=torch.bfloat16), SinglePrecisionConvolutions():
        found = F.conv2d(fine, torch.full((1, 1, 1, 1), 256.0))

    assert found.item() == 256.0


@pytest.mark.parametrize(
    ("instructions", "enabled", "expected"),
    [(True, True, False), (False, True, True), (False, False, False)],
)
def test_the_detour_is_for_processors_without_instructions_alone(
    monkeypatch, instructions, enabled, expected
):
    monkeypatch.setattr(bfloat16, "has_instructions", lambda: instructions)
    before = torch.backends.mkldnn.set_flags(enabled)
    try:
        assert bfloat16.needs_detour(CPU) == expected
    finally:
        torch.backends.mkldnn.set_flags(*before)
    assert not bfloat16.needs_detour(torch.device("cuda"))


def test_autocast_leaves_single_precision_as_it_is():
    images, kernels = torch.randn(1, 1, 4, 4), torch.randn(1, 1, 3, 3)

    with autocast(CPU, "fp32"):
        assert torch.equal(F.conv2d(images, kernels), F.conv2d(images, kernels))
        assert F.conv2d(images, kernels).dtype == torch.float32
    with autocast(CPU, "bf16"):
        assert F.conv2d(images, kernels).dtype == torch.bfloat16
