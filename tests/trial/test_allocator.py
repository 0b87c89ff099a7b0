"""The C library's allocator, asked in a process of its own: the setting cannot be taken back."""

import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

FAULTS = """
import resource, sys, torch
from ttq_bench.trial.allocator import keep_freed_memory

if sys.argv[1] == "keep":
    assert keep_freed_memory()
torch.set_num_threads(1)
images = torch.zeros(2**22)
for step in range(8):
    if step == 3:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    kept = [images * 2 for _ in range(8)]
    del kept
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has the setting")
def test_a_step_finds_the_memory_that_the_last_one_freed():
    faults = {}
    for what in ("keep", "leave"):
        command = [sys.executable, "-c", FAULTS, what]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        faults[what] = int(done.stdout)

    # Not none: a system may take pages back that were not touched for a while.
    assert 10 * faults["keep"] < faults["leave"]
