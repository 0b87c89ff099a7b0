"""What the tests of the ternary core share: where they run, and how long hypothesis may take."""

import pytest
import torch
from hypothesis import settings

# The machine may be busy training: a slow example is no failure.
settings.register_profile("ternary", deadline=None, max_examples=60)
settings.load_profile("ternary")

CUDA = pytest.param(
    "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
)


@pytest.fixture(params=["cpu", CUDA])
def device(request: pytest.FixtureRequest) -> torch.device:
    return torch.device(request.param)
