"""A suite small enough for tests, on the digits of this package, and ways to run it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from ttq_bench.data.identity import identify
from ttq_bench.data.sources import find_source
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.store import read_records
from ttq_bench.spec.trial import TrialSpec
from ttq_bench.suite.grid import expand
from ttq_bench.suite.plan import Plan, make_plan
from ttq_bench.suite.reading import parse_suite
from ttq_bench.trial.settings import RunSettings

STRATEGIES = ({"max_fraction": 0.05}, {"constant_sparsity": 0.5})
COMMAND = (sys.executable, "-m", "ttq_bench.cli")


def tiny_document(
    *,
    epochs: int = 2,
    methods: tuple[str, ...] = ("full_precision", "ttq"),
    learning_rate: float = 0.03,
    **fields: Any,
) -> dict[str, Any]:
    """Return a suite of LeNet-5 on digits: a parent, and ttq under both delta strategies."""
    recipe = {
        "epochs": epochs,
        "batch_size": 32,
        "learning_rate": learning_rate,
        "schedule": "cosine",
        "augmentation": "none",
        "precision": "fp32",
    }
    return {
        "name": "tiny",
        "title": "Tiny",
        "protocol": "test",
        "datasets": ["digits"],
        "models": ["lenet5"],
        "methods": list(methods),
        "delta_strategies": list(STRATEGIES),
        "seeds": [0],
        "continue_full_precision": False,
        "conversion": {"initial_scales": "least_squares"},
        "training": {"full_precision": recipe, "fine_tuned": recipe | {"learning_rate": 0.0001}},
        **fields,
    }


def quick_training() -> dict[str, dict[str, Any]]:
    """Return recipes of few steps, for tests of the files; the third epoch drops a checkpoint."""
    recipe = {
        "epochs": 3, "batch_size": 512, "learning_rate": 0.03, "schedule": "cosine",
        "augmentation": "none", "precision": "fp32",
    }  # fmt: skip
    fine_tuned = recipe | {"learning_rate": 0.0001}
    return {"full_precision": recipe | {"epochs": 1}, "fine_tuned": fine_tuned}


def tiny_specs(cache: Path, **changes: Any) -> list[TrialSpec]:
    """Return the trials of the tiny suite, the parent first."""
    identity = identify(find_source("digits", Path("data")), cache)
    return expand(parse_suite(tiny_document(**changes), "", "tiny"), {"digits": identity}, "tiny")


def tiny_plan(results: Path, cache: Path, **changes: Any) -> Plan:
    """Return the plan of the tiny suite against ``results``."""
    paths = ResultsPaths(results)
    return make_plan(tiny_specs(cache, **changes), paths, "cpu", read_records(paths))


def settings_for(results: Path, cache: Path) -> RunSettings:
    """Return settings of one thread on the CPU."""
    return RunSettings(results, results.parent / "data", cache, "cpu")


def write_suite(folder: Path, **changes: Any) -> Path:
    """Write the tiny suite as a file and return its path."""
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(tiny_document(**changes)), encoding="utf-8")
    return path


def without_make() -> dict[str, str]:
    """Return the environment without what a `make test` that runs these tests has set for it."""
    own = ("VENV", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES", "ARGS")
    return {name: value for name, value in os.environ.items() if name not in own}


def command_line(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run ``ttq-bench`` with ``arguments`` in a process of its own."""
    words = [*COMMAND, *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)


def wait_until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Return as soon as ``condition`` holds; it is asked fifty times a second."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)
