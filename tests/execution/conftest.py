from pathlib import Path

import pytest

from tests.shared_cache import cache, own_cache  # noqa: F401 - fixtures
from tests.tiny_suite import settings_for, tiny_specs
from ttq_bench.execution.trial import run_trial


@pytest.fixture(scope="session")
def whole(tmp_path_factory, cache) -> Path:  # noqa: F811
    """Results of the tiny grid, 3 epochs, each trial run to its end without a break."""
    results = tmp_path_factory.mktemp("whole") / "results"
    for spec in tiny_specs(cache, epochs=3):
        assert run_trial(spec, settings_for(results, cache), lambda: False) == "finished"
    return results
