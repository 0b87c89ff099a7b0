"""What is decided before Ray starts: the token, the interface, the dashboard."""

import os

import pytest

from ttq_bench.errors import TtqBenchError
from ttq_bench.execution.ray import security


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    """A home without a token, and none of Ray's variables; all of them as before afterwards."""
    for name in list(os.environ):
        if name.startswith("RAY_"):
            monkeypatch.delenv(name)
    before = dict(os.environ)
    monkeypatch.setenv("HOME", str(tmp_path))
    yield tmp_path
    for name in [name for name in os.environ if name not in before]:
        del os.environ[name]


def token_of(home):
    return home / ".ray" / "auth_token"


def mode(path):
    return path.stat().st_mode & 0o777


def test_a_run_of_our_own_asks_for_a_token_that_only_its_owner_can_read(home):
    security.prepare(None, None)
    assert os.environ["RAY_AUTH_MODE"] == "token"
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    assert mode(token_of(home)) == 0o600
    assert mode(token_of(home).parent) == 0o700
    assert len(bytes.fromhex(token_of(home).read_text())) == 32
    assert [path.name for path in token_of(home).parent.iterdir()] == ["auth_token"]


def test_a_token_that_is_there_is_kept_and_closed_to_others(home):
    security.prepare(None, None)
    token_of(home).chmod(0o644)
    made = token_of(home).read_text()
    security.prepare(None, None)
    assert token_of(home).read_text() == made
    assert mode(token_of(home)) == 0o600


def test_a_token_in_the_environment_needs_no_file(home, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_TOKEN", "a" * 64)
    security.prepare("head:6379", None)
    assert not token_of(home).exists()


def test_what_the_user_decided_stands(home, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    security.prepare("head:6379", None)
    assert os.environ["RAY_AUTH_MODE"] == "disabled"
    assert not token_of(home).exists()


@pytest.mark.parametrize(("of_the_cluster", "mode"), [(None, "disabled"), ("token", "token")])
def test_a_job_takes_its_cluster_s_way(home, monkeypatch, of_the_cluster, mode):
    if of_the_cluster:
        monkeypatch.setenv("RAY_AUTH_MODE", of_the_cluster)
        monkeypatch.setenv("RAY_AUTH_TOKEN", "a" * 64)
    security.prepare("auto", None)
    assert os.environ["RAY_AUTH_MODE"] == mode


@pytest.mark.parametrize("content", [None, "", " \n"])
def test_a_cluster_whose_token_is_missing_or_empty_is_told_in_a_sentence(home, content):
    if content is not None:
        token_of(home).parent.mkdir()
        token_of(home).write_text(content)
    with pytest.raises(TtqBenchError, match="the cluster at head:6379 asks for a token") as told:
        security.prepare("head:6379", None)
    assert "RAY_AUTH_TOKEN_PATH" in str(told.value)


ONLY_HERE = ("127.0.0.1", "127.0.0.2", "localhost", "LOCALHOST", "::1", "", " ")
FOR_OTHERS = ("0.0.0.0", "::", "192.0.2.1", "head", "127.0.0.1.example")


@pytest.mark.parametrize("dashboard", FOR_OTHERS)
def test_a_dashboard_for_others_without_a_token_is_refused(monkeypatch, dashboard):
    security.prepare(None, dashboard)
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    with pytest.raises(TtqBenchError, match=f"--dashboard {dashboard}: whoever reaches it"):
        security.prepare(None, dashboard)


@pytest.mark.parametrize("dashboard", [None, *ONLY_HERE])
def test_a_dashboard_of_this_machine_needs_no_token_and_keeps_ray_on_loopback(
    monkeypatch, dashboard
):
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    security.prepare(None, dashboard)
    assert os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] == "0"


@pytest.mark.parametrize("dashboard", FOR_OTHERS)
def test_ray_leaves_loopback_where_a_dashboard_for_others_is_asked_for(dashboard):
    security.prepare(None, dashboard)
    assert "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER" not in os.environ


@pytest.mark.parametrize("given", [None, "", " "])
def test_a_dashboard_without_a_host_listens_on_this_machine_alone(given):
    assert security.dashboard_host(given) == "127.0.0.1"
