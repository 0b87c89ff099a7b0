"""One run of a plan: its lock, its signals, its time limit. Runs that meet are real processes.

Signals to a run through Ray are F14 (``tests/faults/test_f14_signals.py``).
"""

import errno
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from pyarrow import parquet

from tests.tiny_suite import COMMAND, tiny_specs, wait_until, write_suite
from ttq_bench.cli import main
from ttq_bench.execution.driver import TIME_LIMIT_MARGIN_SECONDS, Stop, _signals, _watch
from ttq_bench.execution.lock import locked
from ttq_bench.records.attempts.progress import read_progress
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.remote.store import Folder
from ttq_bench.training.checkpoints import whole_states

LONG = 400  # epochs that no test waits for
PARENT = ("full_precision",)


class Run:
    """``ttq-bench run`` of one trial in a process of its own."""

    def __init__(self, folder, cache, *, epochs):
        suite = write_suite(folder, epochs=epochs, methods=PARENT)
        self.results = folder / "results"
        self.words = ["run", str(suite), "--results", str(self.results), "--no-report"]
        self.words += ["--backend", "inprocess", "--threads", "1"]
        spec = tiny_specs(cache, epochs=epochs, methods=PARENT)[0]
        self.paths = ResultsPaths(self.results).trial(spec.trial_id)

    def start(self):
        self.process = subprocess.Popen(
            [*COMMAND, *self.words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        wait_until(lambda: self.epoch() >= 1 or self.process.poll() is not None, 120)
        return self.process

    def epoch(self):
        progress = read_progress(self.paths)
        return progress.epoch if progress else 0

    def seconds_of_epochs(self):
        """Seconds of each epoch in the last checkpoint: no two trainings have the same."""
        history = next(whole_states(self.paths.attempts.glob("*/checkpoints")))["history"]
        return [entry["row"]["epoch_seconds"] for entry in history if "row" in entry]


@pytest.fixture
def run(tmp_path, cache):
    """Return how to start runs; whatever still runs at the end of the test is killed."""
    started = []

    def begin(**options):
        started.append(Run(tmp_path, cache, **options))
        started[-1].start()
        return started[-1]

    yield begin
    for one in started:
        one.process.kill()
        one.process.communicate()


@pytest.mark.slow
def test_one_driver_holds_a_results_folder_until_it_dies(run, capsys):
    holder = run(epochs=LONG)
    assert main(holder.words) == 75
    told = capsys.readouterr().err
    assert f"process {holder.process.pid} on " in told
    assert told.count("\n") == 1
    holder.process.kill()
    holder.process.wait()
    assert main([*holder.words, "--time-limit", "1s"]) == 4


@pytest.mark.slow
def test_signals_that_were_ignored_from_the_start_do_not_end_a_run(run):
    numbers = (signal.SIGHUP, signal.SIGINT)
    # A child inherits them, as from `nohup` and `&`.
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        held = run(epochs=LONG)
    finally:
        for number in numbers:
            signal.signal(number, before[number])
    for number in numbers:
        held.process.send_signal(number)
    epoch = held.epoch()
    wait_until(lambda: held.epoch() > epoch + 1 or held.process.poll() is not None)
    assert held.process.poll() is None
    held.process.terminate()
    assert held.process.wait(60) == 128 + signal.SIGTERM


@pytest.mark.slow
def test_of_many_drivers_after_the_lock_was_deleted_one_goes_on(run):
    first = run(epochs=LONG)
    first.paths.results.lock.unlink()
    others = [
        subprocess.Popen(
            [*COMMAND, *first.words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for _ in range(3)
    ]
    drivers = [first.process, *others]
    try:
        wait_until(lambda: sum(driver.poll() is None for driver in drivers) == 1, 120)
        (left,) = (driver for driver in drivers if driver.poll() is None)
        epoch = first.epoch()
        wait_until(lambda: first.epoch() > epoch + 1 or left.poll() is not None)
        assert left.poll() is None
        assert [driver.returncode for driver in drivers if driver is not left] == [75] * 3
    finally:
        for driver in others:
            driver.kill()
            driver.communicate()


@pytest.mark.slow
@pytest.mark.parametrize(
    "number", [pytest.param(signal.SIGINT, marks=pytest.mark.full), signal.SIGTERM]
)
def test_a_signal_ends_a_run_that_goes_on_at_its_last_epoch(run, capsys, number):
    stopped = run(epochs=8)
    stopped.process.send_signal(number)
    output, _ = stopped.process.communicate(timeout=60)
    assert stopped.process.returncode == 128 + number, output
    assert f"stopped ({number.name}); not finished: 1 trial; run the same command" in output
    assert "Traceback" not in output
    assert not stopped.paths.results.stop_file.exists()
    before = stopped.seconds_of_epochs()
    assert 1 <= len(before) < 8
    assert main(stopped.words) == 0
    assert f"goes on after epoch {len(before)}" in capsys.readouterr().out
    table = parquet.read_table(stopped.paths.folder / "epochs.parquet").to_pylist()
    assert [row["epoch"] for row in table] == list(range(1, 9))
    assert [row["epoch_seconds"] for row in table][: len(before)] == before


@pytest.mark.slow
def test_a_time_limit_ends_a_run_in_time_and_the_next_run_goes_on(tmp_path, cache, capsys):
    suite = write_suite(tmp_path, epochs=LONG, methods=PARENT)
    common = [str(suite), "--results", str(tmp_path / "results"), "--backend", "inprocess"]
    left = [LONG]
    seconds = TIME_LIMIT_MARGIN_SECONDS + 3
    limit = ["--time-limit", f"{seconds}s"]
    for _ in range(2):
        begun = time.monotonic()
        assert main(["run", *common, "--no-report", "--threads", "1", *limit]) == 4
        assert time.monotonic() - begun < seconds
        assert "stopped (time limit); not finished: 1 trial;" in capsys.readouterr().out
        assert main(["plan", *common, "--json"]) == 0
        left.append(json.loads(capsys.readouterr().out)["trials"][0]["epochs_left"])
    assert left[0] > left[1] > left[2] > 0


def test_a_stop_file_that_an_earlier_run_left_stops_nothing(tmp_path, cache):
    suite = write_suite(tmp_path, epochs=1, methods=PARENT)
    results = ResultsPaths(tmp_path / "results")
    results.stop_file.parent.mkdir(parents=True)
    results.stop_file.touch()
    words = ["run", str(suite), "--results", str(results.root), "--backend", "inprocess"]
    assert main([*words, "--no-report", "--threads", "1"]) == 0
    assert not results.stop_file.exists()


def test_the_stop_file_comes_although_the_folder_was_out_of_reach_first(tmp_path, monkeypatch):
    results, exists, refused = ResultsPaths(tmp_path), Path.exists, []

    def once_refused(path):
        if path == results.stop_file and not refused:
            refused.append(path)
            raise OSError(errno.ESTALE, "Stale file handle", str(path))
        return exists(path)

    monkeypatch.setattr(Path, "exists", once_refused)
    with locked(results) as lock, _watch(Stop(signal_number=2), lock, Folder(results)):
        wait_until(lambda: os.path.exists(results.stop_file), 10)  # noqa: PTH110 - not the other
    assert refused


def test_signals_have_their_old_handlers_after_a_run(tmp_path, cache):
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    suite = write_suite(tmp_path, epochs=1, methods=PARENT)
    words = ["run", str(suite), "--results", str(tmp_path / "r"), "--backend", "inprocess"]
    assert main([*words, "--no-report", "--time-limit", "1s"]) == 4
    assert [signal.getsignal(number) for number in numbers] == before


def test_a_stop_is_requested_by_a_signal_or_by_the_clock():
    assert not Stop().requested()
    assert not Stop(deadline=time.monotonic() + 60).requested()
    assert Stop(deadline=time.monotonic()).requested()
    assert Stop(signal_number=signal.SIGTERM).requested()
    assert not Stop(signal_number=signal.SIGTERM).out_of_time()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_a_command_at_once_with_its_own_code(number, monkeypatch, capsys):
    def stopped_twice(_):
        with _signals(Stop()):
            signal.raise_signal(number)
            signal.raise_signal(number)

    monkeypatch.setattr("ttq_bench.cli._called", stopped_twice)

    assert main(["status"]) == 128 + number
    assert "ended at once" in capsys.readouterr().err
