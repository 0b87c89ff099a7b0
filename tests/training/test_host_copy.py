"""States on their way to the host: values, strides, memory of their own."""

import pytest
import torch

from ttq_bench.training.host_copy import _copied, on_host


def tensors(device="cpu"):
    torch.manual_seed(0)
    last = torch.randn(2, 3, 4, 5, device=device).to(memory_format=torch.channels_last)
    return [last, torch.randn(7, device=device)[2:], torch.tensor(3.5, device=device), last[:0]]


def assert_same(found, wanted):
    assert found.device.type == "cpu"
    assert torch.equal(found, wanted.cpu())
    assert found.stride() == wanted.stride()
    assert found.untyped_storage().nbytes() == found.nbytes  # a file holds the tensor alone


def test_tensors_of_a_kind_are_copied_in_one_piece_with_their_strides():
    for found, wanted in zip(_copied(tensors()), tensors(), strict=True):
        assert_same(found, wanted)


def test_a_state_on_the_host_is_left_as_it_is():
    state = {"model": {"weight": torch.ones(3)}, "epoch": 1}

    assert on_host(state) is state


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_state_of_a_gpu_comes_whole():
    first, *rest = tensors("cuda")
    state = {
        "model": {"weight": first, "steps": torch.tensor(2**40, device="cuda")},
        "groups": [{"lr": 0.1, "rows": (rest[0], "text")}], "random": torch.arange(5),
        "cut": first[:, :2], "host": torch.ones(2), "epoch": 3,
    }  # fmt: skip

    found = on_host(state)

    assert_same(found["model"]["weight"], first)
    assert_same(found["groups"][0]["rows"][0], rest[0])
    assert found["model"]["steps"].item() == 2**40
    assert (found["groups"][0]["lr"], found["groups"][0]["rows"][1], found["epoch"]) == (
        0.1, "text", 3,
    )  # fmt: skip
    assert torch.equal(found["cut"], first[:, :2].cpu())
    assert torch.equal(found["random"], torch.arange(5))
