"""Fault injection with real processes. ``make faults`` runs all of it and writes what was measured.

A test names its fault (``@pytest.mark.fault("F4")``) and records what it saw with the fixture
``record_property("measured", "20 kills, 0 records lost")``. Without ``TTQ_BENCH_TESTS=full`` the
counts are the short ones of ``make test-slow``.
"""

import os
from pathlib import Path

import pytest

from tests.faults.clusters import kill_all
from tests.faults.robustness import Seen, write_table
from tests.shared_cache import own_cache  # noqa: F401 - fixture
from tests.tiers import FULL
from tests.tiny_suite import quick_training, settings_for, tiny_specs
from ttq_bench.trial.run import run_trial

TABLE = os.environ.get("TTQ_BENCH_ROBUSTNESS")
SEEN = pytest.StashKey[list[Seen]]()


@pytest.fixture(autouse=True)
def nothing_left(tmp_path):
    """End what a failed test leaves behind."""
    yield
    kill_all(tmp_path)


@pytest.fixture(scope="session")
def whole_trial(tmp_path_factory, cache):
    """The spec of a ternary trial of few steps, and results where it and its parent have ended."""
    results = tmp_path_factory.mktemp("whole-trial") / "results"
    specs = tiny_specs(cache, training=quick_training())[:2]
    for spec in specs:
        assert run_trial(spec, settings_for(results, cache), bool) == "finished"
    return specs[1], results


@pytest.fixture
def times():
    """Return how often to do something: ``times(20, full=200)``."""
    return lambda short, full: full if FULL else short


def pytest_configure(config):
    config.stash[SEEN] = []
    global _config  # noqa: PLW0603 - pytest gives reports no way to their configuration
    _config = config


def pytest_collection_modifyitems(items):
    for item in items:
        if (marker := item.get_closest_marker("fault")) is not None:
            item.user_properties.append(("fault", marker.args[0]))


def pytest_runtest_logreport(report):
    fault = dict(report.user_properties).get("fault")
    if fault and (report.when == "call" or not report.passed):
        measured = [text for name, text in report.user_properties if name == "measured"]
        reason = report.longrepr[2] if report.skipped else ""
        _config.stash[SEEN].append(
            Seen(report.nodeid, fault, report.outcome, tuple(measured), str(reason))
        )


def pytest_sessionfinish(session):
    if TABLE:
        write_table(Path(TABLE), session.config.stash[SEEN], full=FULL)
