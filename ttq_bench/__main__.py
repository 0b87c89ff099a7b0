"""``python -m ttq_bench``: the same as ``ttq-bench``."""

import sys

from ttq_bench.cli import main

if __name__ == "__main__":
    sys.exit(main())
