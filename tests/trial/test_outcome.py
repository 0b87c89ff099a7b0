import errno
import os
import signal

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from ttq_bench.errors import TtqBenchError
from ttq_bench.trial.outcome import cause_of, in_words


def test_what_torch_raises_when_the_host_has_no_memory_is_memory():
    with pytest.raises(RuntimeError) as told:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert cause_of(told.value) == "memory"


class EndsItsProcess(Dataset):
    def __init__(self, end):
        self.end = end

    def __len__(self):
        return 1

    def __getitem__(self, _row):
        self.end()


def kill_by(number):
    return lambda: os.kill(os.getpid(), number)


def raise_error():
    raise RuntimeError("killed by signal: Killed")  # only in words


@pytest.mark.parametrize(
    ("end", "cause"),
    [
        (kill_by(signal.SIGKILL), "memory"),
        (kill_by(signal.SIGBUS), "memory"),
        (kill_by(signal.SIGSEGV), "crash"),
        (kill_by(signal.SIGTERM), "crash"),
        (lambda: os._exit(1), "crash"),
        (raise_error, "error"),
    ],
)
def test_a_process_for_decoding_that_was_killed_is_tried_again(end, cause):
    with pytest.raises(RuntimeError) as told:
        next(iter(DataLoader(EndsItsProcess(end), num_workers=1)))
    assert cause_of(told.value) == cause


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
