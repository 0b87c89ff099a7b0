"""Fixtures for folders of tests that train: one cache, which their commands use, too."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def cache(tmp_path_factory) -> Path:
    """A cache that all tests of a session share, so that digits are decoded once."""
    return tmp_path_factory.getbasetemp() / "ttq-bench-cache"


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, cache):
    monkeypatch.setenv("TTQ_BENCH_CACHE", str(cache))
