import errno

import pytest
import torch

from ttq_bench.errors import TtqBenchError
from ttq_bench.trial.outcome import cause_of, in_words


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


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "r/work/x"),
         "r/work/x: No space left on device; free some room on that disk"),
        (OSError(errno.EFBIG, "File too large"),
         "File too large; raise the limit of a file's size (`ulimit -f`)"),
        (OSError(errno.EIO, "Input/output error"), "Input/output error"),
        (OSError("whatever"), "OSError('whatever')"),
        (TtqBenchError("no such data"), "no such data"),
        (KeyError("x"), "KeyError('x')"),
    ],
)  # fmt: skip
def test_a_failure_says_where_and_what_to_do(error, said):
    assert in_words(error) == said
