import pytest
import torch


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """A cache folder of its own for each test."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("TTQ_BENCH_CACHE", str(folder))
    return folder
