"""F15: the machine is not as it should be; one clear sentence each."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.grid import UNDISTURBED, Grid, parents, processes_of
from tests.tiny_suite import tiny_specs, wait_until

pytestmark = pytest.mark.slow

HOUR = 3600


def sentence(output: str) -> str:
    """Return the one line that says what is wrong."""
    assert "Traceback" not in output, output
    (line,) = [line for line in output.splitlines() if line.startswith("ttq-bench:")]
    return line


def in_namespace(*commands: str) -> tuple[str, ...]:
    """Return words that run a command in a mount namespace after ``commands`` (as root)."""
    words = ("unshare", "--mount", "sh", "-ec", "\n".join([*commands, 'exec "$@"']), "sh")
    tried = subprocess.run(
        [*words[:4], "mount -t tmpfs none /mnt"], capture_output=True, check=False
    )
    if tried.returncode:
        pytest.skip("needs the right to mount (root)")
    return words


@pytest.mark.fault("F15")
def test_read_only_results(cache, tmp_path, record_property):
    grid = Grid(tmp_path / "ro", parents(seeds=1, epochs=1), UNDISTURBED)
    grid.results.root.mkdir()
    root = grid.results.root
    grid.before = in_namespace(f"mount --bind {root} {root}", f"mount -o remount,ro,bind {root}")
    code, output = grid.finish()
    assert code == 2
    assert "results cannot be written there (Read-only file system)" in sentence(output)
    assert not list(root.iterdir())
    record_property("measured", "read-only results: exit 2, one sentence")


@pytest.mark.fault("F15")
def test_a_clock_that_goes_back_an_hour(cache, tmp_path, record_property):
    grid = Grid(tmp_path / "clock", parents(seeds=1, epochs=30), UNDISTURBED)
    name = tiny_specs(cache, epochs=30, methods=("full_precision",))[0].trial_id
    driver = grid.start()
    wait_until(lambda: grid.epoch(name) >= 2, 120)
    driver.kill()
    driver.communicate()
    progress = grid.results.trial(name).attempt(1).progress
    fields = json.loads(progress.read_text())
    progress.write_text(json.dumps(fields | {"updated": time.time() + HOUR}))
    for path in grid.results.root.rglob("*"):
        os.utime(path, (time.time() + HOUR, time.time() + HOUR))
    code, output = grid.finish()
    assert code == 0, output
    assert output.count("was last used 60 min from now, so the clock went back") == 1
    assert "goes on after epoch" in output
    record_property("measured", "clock an hour back: one sentence, the run goes on to its end")


@pytest.mark.fault("F15")
@pytest.mark.ray
def test_a_full_shared_memory(cache, tmp_path, record_property):
    grid = Grid(tmp_path / "shm", parents(seeds=1, epochs=1))
    grid.before = in_namespace(
        "mount -t tmpfs -o size=1m none /dev/shm", "head -c 2m /dev/zero > /dev/shm/full || true"
    )
    code, output = grid.finish()
    assert "Traceback" not in output
    if code:
        assert "Ray here cannot be used" in sentence(output)
    else:
        assert output.count("/dev/shm") == 1
    record_property("measured", f"full /dev/shm: exit {code}, one sentence")


@pytest.mark.fault("F15")
@pytest.mark.ray
def test_a_ray_cluster_that_runs_already_is_left_alone(cache, tmp_path, record_property):
    ray = Path(sys.executable).with_name("ray")
    mark = {"TTQ_BENCH_TEST": str(tmp_path / "head")}
    env = os.environ | mark | {"HOME": str(tmp_path), "RAY_AUTH_MODE": "disabled"}
    head = [ray, "start", "--head", "--port=0", "--num-cpus=1", "--include-dashboard=false"]
    subprocess.run(head, env=env, check=True, capture_output=True)
    try:
        grid = Grid(
            tmp_path / "beside",
            parents(seeds=1, epochs=1),
            env={"HOME": str(tmp_path), "RAY_ADDRESS": "127.0.0.1:6399"},
        )
        code, output = grid.finish()
    finally:
        alive = processes_of(tmp_path / "head")
        for process in alive:  # `ray stop` would end every cluster of this machine
            os.kill(process, signal.SIGKILL)
    assert alive
    assert code == 0, output
    assert output.count("RAY_ADDRESS is set and not used") == 1
    record_property("measured", "Ray already running: left alone, one sentence, exit 0")


@pytest.mark.fault("F15")
@pytest.mark.ray
def test_a_missing_token(cache, tmp_path, record_property):
    home = tmp_path / "home"
    home.mkdir()
    grid = Grid(tmp_path / "token", parents(seeds=1, epochs=1), env={"HOME": str(home)})
    begun = time.monotonic()
    code, output = grid.finish("--address", f"{socket.gethostname()}:6379")
    assert code == 2
    assert ".ray/auth_token: the cluster at" in sentence(output)
    assert not any(home.iterdir())
    record_property(
        "measured", f"missing token: exit 2, one sentence after {time.monotonic() - begun:.1f} s"
    )
