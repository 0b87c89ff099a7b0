"""The folder that follows a URL, against a server: what makes way there, and what goes with it."""

import os

import pytest

from tests.claimed import LEASE
from tests.export.conftest import network
from ttq_bench.export.packed_file import packed_bytes
from ttq_bench.records.attempts.lease import claim
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.remote.names import SETTLED_SECONDS
from ttq_bench.records.remote.store import Mirror
from ttq_bench.records.replaced import set_other_network_aside


@pytest.fixture
def folder(reached, url, tmp_path):
    return Mirror(url, ResultsPaths(tmp_path / "here"))


@pytest.fixture
def paths(folder):
    """A trial whose network is published."""
    paths = folder.results.trial("one")
    folder.create(paths.network, packed_bytes(*network(), {"weights_sha256": "ab"}))
    return paths


def test_a_network_of_other_weights_makes_way_at_the_url_and_here(folder, paths):
    content, taken = paths.network.read_bytes(), "replaced/one/1/networks/one.safetensors"
    folder.objects.write(taken, b"kept by another machine")
    assert set_other_network_aside(folder, paths, "ab") is None
    place = set_other_network_aside(folder, paths, "cd")
    assert place == paths.replaced / "2/networks/one.safetensors"
    assert place.read_bytes() == folder.objects.read(folder._name(place)) == content
    assert folder.objects.read(taken) == b"kept by another machine"
    assert not paths.network.exists()
    assert not folder.objects.names("networks")


def test_a_network_that_is_gone_at_the_url_goes_here_unless_it_is_new(folder, paths):
    folder.bring()
    assert paths.network.exists()
    folder.objects.delete(folder.objects.names("networks"))
    folder.bring()
    assert paths.network.exists()
    foreign = paths.network.with_name("notes (1).safetensors")
    foreign.write_bytes(b"")
    for path in (foreign, paths.network):
        before = path.stat().st_mtime - 2 * SETTLED_SECONDS
        os.utime(path, (before, before))
    folder.bring()
    assert not paths.network.exists()
    assert foreign.exists()


def test_leases_and_checkpoints_stay_here_when_they_are_gone_at_the_url(folder, paths):
    attempt = claim(paths, LEASE, folder.create)
    attempt.weights.parent.mkdir(parents=True)
    attempt.weights.write_bytes(b"not at the URL yet")
    folder.objects.delete(folder.objects.names("work"))
    for path in (attempt.lease, attempt.weights):
        os.utime(path, (0, 0))
    folder.bring()
    assert attempt.lease.exists()
    assert attempt.weights.exists()
