"""The C library's allocator, asked in a process of its own: the setting cannot be taken back."""

import ctypes
import subprocess
import sys

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="only glibc from 2.33 on tells it"
    ),
]

# What malloc says of itself, not what the kernel counts: page faults differ with the machine.
FREE_IN_THE_HEAP = """
import ctypes, sys, torch
from ttq_bench.trial.allocator import keep_freed_memory

fields = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
Mallinfo2 = type("Mallinfo2", (ctypes.Structure,), {
    "_fields_": [(field, ctypes.c_size_t) for field in fields]
})
mallinfo2 = ctypes.CDLL(None).mallinfo2
mallinfo2.restype = Mallinfo2

if sys.argv[1] == "keep":
    assert keep_freed_memory()
images = torch.zeros(2**22)
kept = [images * 2 for _ in range(8)]
del kept
print(mallinfo2().fordblks)
"""


def test_a_step_finds_the_memory_that_the_last_one_freed():
    free = {}
    for what in ("keep", "leave"):
        command = [sys.executable, "-c", FREE_IN_THE_HEAP, what]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        free[what] = int(done.stdout)

    activations = 8 * 4 * 2**22
    assert free["keep"] >= activations
    assert free["leave"] < activations // 8
