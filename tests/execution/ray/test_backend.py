"""Trials in Ray workers. One cluster serves the whole file: a start takes seconds."""

import contextlib
import os
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from tests.faults.grid import worker_of
from tests.tiny_suite import (
    command_line,
    settings_for,
    tiny_plan,
    tiny_specs,
    wait_until,
    write_suite,
)
from tests.trial.same_trial import assert_same_trial
from ttq_bench.execution.ray import security
from ttq_bench.execution.resources import Shares
from ttq_bench.execution.scheduler import Scheduler
from ttq_bench.records.attempts.progress import read_progress
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.remote.store import Folder
from ttq_bench.records.store import read_record
from ttq_bench.trial.settings import ClusterOptions

pytestmark = pytest.mark.ray

# 127.0.0.1, ::1 and ::ffff:127.0.0.1 in /proc/net/tcp of a little-endian machine.
LOOPBACK = ("0100007F", "0" * 24 + "01000000", "0" * 16 + "FFFF00000100007F")


@pytest.fixture(scope="module")
def backend():
    security.prepare(None, None)
    from ttq_bench.execution.ray.backend import RayBackend

    backend = RayBackend(ClusterOptions(cores=2, gpus=0), Folder(ResultsPaths(Path("nowhere"))))
    yield backend
    backend.close()


def scheduled(plan, backend, settings):
    told, shares = [], Shares(2, 1, 0.0)
    scheduler = Scheduler(plan, backend, settings, shares, bool, told.append, settings.folder())
    return scheduler.run(), told


def schedule(plan, backend, results, cache):
    backend.results = backend.watchdog.results = ResultsPaths(results)
    return scheduled(plan, backend, settings_for(results, cache))


@pytest.mark.slow
def test_the_grid_on_ray_gives_the_records_of_a_run_without_it(backend, whole, cache, tmp_path):
    plan = tiny_plan(tmp_path, cache, epochs=3)
    tally, told = schedule(plan, backend, tmp_path, cache)
    assert (tally.failed, tally.left, told) == ({}, set(), [])
    for spec in tiny_specs(cache, epochs=3):
        paths, expected = (ResultsPaths(root).trial(spec.trial_id) for root in (tmp_path, whole))
        assert_same_trial(paths, expected)


@pytest.mark.slow
def test_a_trial_whose_worker_is_killed_goes_on_in_another_one(backend, cache, tmp_path):
    plan = tiny_plan(tmp_path, cache, epochs=6, methods=("full_precision",))
    name = plan.trials[0].spec.trial_id
    paths = ResultsPaths(tmp_path).trial(name)
    killed = []

    def kill():
        wait_until(lambda: (progress := read_progress(paths)) and progress.epoch >= 1)
        killed.append(worker_of(name))
        os.kill(killed[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    tally, told = schedule(plan, backend, tmp_path, cache)
    killer.join()
    assert len(killed) == 1
    assert tally.finished == {name}
    assert len(told) == 1
    assert f"{name}: its worker died (WorkerCrashedError" in told[0]
    assert read_record(paths.record).epochs_done == 6


@pytest.mark.slow
def test_a_record_that_shows_late_fails_no_trial(backend, cache, tmp_path):
    shared, late = tmp_path / "shared", tmp_path / "late"
    plan = tiny_plan(shared, cache, epochs=1, methods=("full_precision",))
    (name,) = (trial.spec.trial_id for trial in plan.trials)

    def show():
        wait_until(
            lambda: backend.missing_records.since, 120
        )  # it ended, and its record is not there
        late.symlink_to(shared)

    showing = threading.Thread(target=show)
    showing.start()
    backend.results, backend.watchdog.results = ResultsPaths(late), ResultsPaths(shared)
    tally, told = scheduled(plan, backend, settings_for(shared, cache))
    showing.join()
    assert (tally.finished, tally.failed, told) == ({name}, {}, [])


@pytest.mark.slow
def test_time_passes_where_nothing_runs(backend):
    begun = time.monotonic()
    assert backend.wait(0.3) == []
    assert time.monotonic() - begun >= 0.3


def refused_run(folder, *options):
    """Return what a run of its own says that Ray has to refuse, and its exit code."""
    words = ["run", write_suite(folder), "--results", folder / "results", "--no-report", *options]
    done = command_line(*words)
    assert "Traceback" not in done.stdout + done.stderr
    assert done.stderr.count("\n") == 1
    return done.returncode, done.stderr


@pytest.mark.slow
def test_a_dashboard_without_its_packages_is_refused_in_a_sentence(cache, tmp_path, monkeypatch):
    missing = "raise ModuleNotFoundError(\"No module named 'aiohttp_cors'\")"
    (tmp_path / "aiohttp_cors.py").write_text(missing)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    code, told = refused_run(tmp_path, "--dashboard")
    assert code == 69
    assert "--dashboard: Ray's dashboard needs packages that are not installed (No module" in told
    assert "run `pip install 'ray[default]'`, or leave out --dashboard" in told


@pytest.mark.slow
def test_a_cluster_that_is_not_there_is_refused_in_a_sentence(cache, tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # and listens not
        address = f"127.0.0.1:{held.getsockname()[1]}"
        code, told = refused_run(tmp_path, "--address", address)
    assert code == 69
    assert f"--address {address}: nobody answers there" in told


@pytest.mark.slow
def test_nothing_of_ray_listens_beyond_this_machine(backend):
    listening = [address for process in our_processes() for address in listens_at(process)]
    assert len(listening) >= 3  # the control store, the node, its object manager
    assert {address for address in listening if address not in LOOPBACK} == set()


def our_processes():
    """Return the processes that descend from this one."""
    children = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parent = stat.read_text().rpartition(")")[2].split()[1]
            children.setdefault(int(parent), []).append(int(stat.parent.name))
    found = [os.getpid()]
    for process in found:
        found += children.get(process, [])
    return found


def listens_at(process):
    """Yield the addresses of the TCP ports at which a process listens, as Linux writes them."""
    handles = []
    for handle in Path(f"/proc/{process}/fd").glob("*"):
        with contextlib.suppress(OSError):
            handles.append(str(handle.readlink()))
    tables = [Path(f"/proc/{process}/net/{name}") for name in ("tcp", "tcp6")]
    with contextlib.suppress(OSError):  # a worker that ended meanwhile
        for line in [line for table in tables for line in table.read_text().splitlines()[1:]]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in handles:
                yield fields[1].partition(":")[0]
