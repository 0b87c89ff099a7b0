"""Submits a run on the head of a cluster that ``ray up`` started; ``ray submit`` brings it there.

``ray submit`` copies one script and no package, so this only calls what lies on the head already:
``~/ttq_bench``, by ``file_mounts`` of ``local.yaml`` or from the image of ``Dockerfile``.

    ray submit suites/cluster/local.yaml suites/cluster/on_head.py -- \
      suites/cifar.yaml --results /shared/results --data-dir /shared/data
"""

import os
import sys
from pathlib import Path

os.chdir(Path("~/ttq_bench").expanduser())
command = [sys.executable, "-m", "ttq_bench.cli", "submit", "--address", "http://127.0.0.1:8265"]
os.execv(sys.executable, [*command, *sys.argv[1:]])  # noqa: S606 - no shell, a fixed program
