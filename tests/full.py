"""Whether all tests run, and in full counts: ``make test-full`` and ``make faults``."""

import os

FULL = os.environ.get("TTQ_BENCH_TESTS") == "full"
