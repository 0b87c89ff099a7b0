from pathlib import Path

import pytest

from tests.tiny_suite import settings_for, tiny_specs
from ttq_bench.execution.trial import run_trial


@pytest.fixture(scope="session")
def cache(tmp_path_factory) -> Path:
    """A cache that all tests of a session share, so that digits are decoded once."""
    return tmp_path_factory.getbasetemp() / "ttq-bench-cache"


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, cache):
    monkeypatch.setenv("TTQ_BENCH_CACHE", str(cache))


@pytest.fixture(scope="session")
def whole(tmp_path_factory, cache) -> Path:
    """Results of the tiny grid, 3 epochs, each trial run to its end without a break."""
    results = tmp_path_factory.mktemp("whole") / "results"
    for spec in tiny_specs(cache, epochs=3):
        assert run_trial(spec, settings_for(results, cache), lambda: False) == "finished"
    return results
