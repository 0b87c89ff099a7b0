"""A whole run with its report where people start one: uv, a notebook, a container."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tiny_suite import tiny_specs, write_suite
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.store import read_record

pytestmark = pytest.mark.ray
ENVIRONMENT = Path(sys.prefix)
UNKNOWN_USER = ("unshare", "--user", "--map-user=54321")
THROUGH_UV = (ENVIRONMENT / "bin/uv", "run", "--no-project", "--active", "--offline", "--no-cache")


@pytest.mark.slow
def test_a_run_through_uv_without_a_home_and_with_the_backend_of_a_notebook(cache, tmp_path):
    tried = subprocess.run([*UNKNOWN_USER, "true"], capture_output=True, check=False)
    if tried.returncode or not THROUGH_UV[0].exists():
        pytest.skip("needs user namespaces, and uv")
    alone = {"epochs": 1, "methods": ("full_precision",)}
    words = ["run", write_suite(tmp_path, **alone), "--results", tmp_path / "results"]
    done = subprocess.run(
        [*UNKNOWN_USER, *THROUGH_UV, "ttq-bench", *words, "--threads", "1"],
        cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False,
        env={
            "PATH": os.environ["PATH"],
            "TTQ_BENCH_CACHE": str(cache),
            "VIRTUAL_ENV": str(ENVIRONMENT),
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "RAY_RUNTIME_ENV_HOOK": "no.such.hook",
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    results = ResultsPaths(tmp_path / "results")
    (spec,) = tiny_specs(cache, **alone)
    assert read_record(results.trial(spec.trial_id).record).run["backend"] == "ray"
    assert list((results.root / "figures").glob("*.png"))
