import socket
import time

import pytest

from ttq_bench.errors import ClusterError, TtqBenchError
from ttq_bench.execution.ray.address import dashboard_url, host_and_port, knock, resolved


@pytest.fixture
def closed():
    """A port of this machine at which nobody listens; held, so that nobody will."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("head:6379", ("head", 6379)),
        ("192.0.2.1:1", ("192.0.2.1", 1)),
        ("[::1]:65535", ("::1", 65535)),
    ],
)
def test_an_address_is_a_host_and_a_port(address, parts):
    assert host_and_port(address) == parts


@pytest.mark.parametrize(
    "address",
    ["", "auto", "local", "head", "head:", ":6379", "head:x", "head:0", "head:65536", "head:٣",
     "::1:6379", "ray://head:10001", "[]:1"],
)  # fmt: skip
def test_other_forms_of_an_address_are_refused_in_words(address):
    with pytest.raises(TtqBenchError, match="expected HOST:PORT, for example head:6379, got '"):
        host_and_port(address)


def test_auto_is_the_cluster_that_a_job_was_told_and_no_other(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert resolved("auto") == "auto"
    monkeypatch.setenv("RAY_ADDRESS", "head:6379")
    assert resolved("auto") == "head:6379"
    assert resolved("other:6379") == "other:6379"


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("head:8265", "http://head:8265"),
        ("http://head:8265/", "http://head:8265"),
        ("https://ray.example:443", "https://ray.example:443"),
    ],
)
def test_a_dashboard_is_a_url_of_host_and_port(given, url):
    assert dashboard_url(given) == url


@pytest.mark.parametrize(
    "given", ["", "head", "http://", "http://head", "ray://head:10001", "http://head:8265/jobs"]
)
def test_other_forms_of_a_dashboard_are_refused_in_words(given):
    with pytest.raises(TtqBenchError, match="for example http://head:8265, got '"):
        dashboard_url(given)


def test_a_host_where_nobody_listens_is_told_at_once(closed):
    begun = time.monotonic()
    with pytest.raises(ClusterError) as told:
        knock(f"127.0.0.1:{closed}")
    assert time.monotonic() - begun < 6
    assert str(told.value).startswith(
        f"--address 127.0.0.1:{closed}: nobody answers there (Connection refused); start the"
    )


def test_a_host_that_does_not_exist_is_told():
    with pytest.raises(ClusterError, match=r"nobody answers there \(.+\); start the cluster"):
        knock("no-such-host.invalid:6379")


def test_a_host_where_somebody_listens_is_let_through():
    with socket.create_server(("127.0.0.1", 0)) as server:
        knock(f"127.0.0.1:{server.getsockname()[1]}")
