import errno

import pytest
import torch

from ttq_bench.errors import TtqBenchError
from ttq_bench.trial.outcome import cause_of


def test_what_torch_raises_when_the_host_has_no_memory_is_memory():
    with pytest.raises(RuntimeError) as told:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert cause_of(told.value) == "memory"


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (MemoryError(), "memory"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"), "memory"),
        (RuntimeError("shapes do not agree"), "error"),
        (OSError(errno.EIO, "Input/output error"), "system"),
        (TtqBenchError("no such data"), "error"),
        (ValueError("out of memory"), "error"),
    ],
)
def test_every_other_failure_has_its_class(error, cause):
    assert cause_of(error) == cause
