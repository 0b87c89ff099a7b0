import pytest

from tests.hostile.room import furnished


@pytest.fixture
def room(tmp_path, monkeypatch):
    made = furnished(tmp_path / "room")
    monkeypatch.setenv("TTQ_BENCH_CACHE", str(made.cache))
    monkeypatch.chdir(made.root)  # a name like ../x would lead from here
    return made
