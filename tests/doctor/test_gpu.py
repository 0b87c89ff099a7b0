import pytest

from ttq_bench.doctor.machine import judged_gpus


@pytest.mark.parametrize(
    ("listed", "seen", "cuda", "state", "words"),
    [
        (0, 0, None, "ok", ""),
        (0, 0, "12.8", "ok", ""),
        (2, 2, "12.8", "ok", ""),
        (2, 0, "12.8", "problem", "install a driver for CUDA 12.8 or newer"),
        (2, 0, None, "problem", "install a torch that is built for CUDA"),
        (2, 1, "12.8", "warning", "look for a broken GPU"),
        (0, 1, "12.8", "warning", "pass `--device cuda`"),
    ],
)
def test_the_advice_follows_from_what_driver_and_torch_see(listed, seen, cuda, state, words):
    found = judged_gpus(listed, "550.1", seen, cuda, "NVIDIA H100")
    assert found.state == state
    assert words in found.advice
    assert bool(found.advice) is (state != "ok")
