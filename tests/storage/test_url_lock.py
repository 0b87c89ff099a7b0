import os
import threading

import pytest

from ttq_bench.errors import BusyError
from ttq_bench.records.attempts.holder import this_host, this_process
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.remote import lock
from ttq_bench.records.remote.lock import held_at_url
from ttq_bench.records.remote.store import Folder, Mirror


@pytest.fixture
def folder(reached, url, tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "BEAT_SECONDS", 0.3)
    monkeypatch.setattr(lock, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(lock, "WATCH_SECONDS", 2.0)
    return Mirror(url, ResultsPaths(tmp_path))


def held(folder, lost=lambda: None, tell=lambda _: None):
    return held_at_url(folder, lost, tell, follow=False)


def test_a_folder_without_a_url_has_no_claim(tmp_path):
    with held(Folder(ResultsPaths(tmp_path))):
        pass


def test_a_driver_that_beats_keeps_others_out_and_lets_go_at_its_end(folder):
    busy = pytest.raises(BusyError, match=f"process .* on {this_host()} is at work there")
    with held(folder), busy, held(folder):
        pass
    told = []
    with held(folder, tell=told.append):
        assert set(folder.objects.names("drivers")) == {
            "drivers/000002.claim",
            "drivers/000002.beat",
        }
    assert told == []


def test_the_claim_of_a_process_of_this_machine_that_is_no_more_counts_nothing(folder):
    ended = this_process().replace(f"process {os.getpid()} ", "process 999999999 ")
    folder.objects.write("drivers/000007.claim", f"{ended} x".encode())
    told = []
    with held(folder, tell=told.append):
        assert "drivers/000008.claim" in folder.objects.names()
    assert told == []


def test_only_claims_and_beats_of_earlier_drivers_are_deleted(folder):
    foreign = {"drivers/000000.txt", "drivers/.keep", "drivers/000001.claim/notes"}
    for name in foreign:
        folder.objects.write(name, b"of somebody else")
    for _ in range(2):
        with held(folder):
            pass
    assert set(folder.objects.names("drivers")) == foreign | {
        "drivers/000002.claim",
        "drivers/000002.beat",
    }


@pytest.mark.slow
def test_a_claim_from_elsewhere_without_beats_is_taken_over_after_the_watch(folder):
    folder.objects.write("drivers/000001.claim", b"process 1 on elsewhere x")
    folder.objects.write("drivers/000001.beat", b"5")
    told = []
    with held(folder, tell=told.append):
        assert "drivers/000002.claim" in folder.objects.names()
    assert told == [f"{folder.objects.url}: looking for 2 s whether process 1 on elsewhere is still"
                    " at work"]  # fmt: skip


def test_a_driver_that_was_replaced_is_told(folder):
    lost = threading.Event()
    with held(folder, lost.set):
        folder.objects.write("drivers/000002.claim", b"process 1 on elsewhere x")
        assert lost.wait(10)
