"""The name in the lock; that it keeps a second driver out is in ``test_driver.py``."""

import os
import subprocess
import sys

import pytest

from ttq_bench.errors import BusyError
from ttq_bench.execution.lock import driver_is_gone, locked
from ttq_bench.records.attempts.holder import this_host
from ttq_bench.records.paths import ResultsPaths

HOLD = """
import sys
from pathlib import Path
from ttq_bench.execution.lock import locked
from ttq_bench.records.paths import ResultsPaths
with locked(ResultsPaths(Path(sys.argv[1]))):
    print("held", flush=True)
    input()
"""


def test_a_driver_is_gone_once_its_process_is_however_it_died(tmp_path):
    results = ResultsPaths(tmp_path)
    words = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as driver:
        assert driver.stdout.readline() == b"held\n"
        assert not driver_is_gone(results)
        driver.kill()
        driver.wait()
        assert driver_is_gone(results)


def test_a_folder_that_no_driver_used_has_none_that_is_gone(tmp_path):
    assert not driver_is_gone(ResultsPaths(tmp_path))


@pytest.mark.parametrize("name", ["process 1 on elsewhere", "process x on HERE", "", "\xff"])
def test_a_driver_elsewhere_or_without_a_name_is_not_called_gone(tmp_path, name):
    results = ResultsPaths(tmp_path)
    with locked(results):
        pass
    results.lock.write_text(name.replace("HERE", this_host()), encoding="latin-1")
    assert not driver_is_gone(results)


def test_a_lock_whose_file_is_deleted_is_taken_anew(tmp_path):
    results = ResultsPaths(tmp_path)
    with locked(results) as lock:
        results.lock.unlink()
        assert lock.keep()
        with (
            pytest.raises(BusyError, match=rf"process {os.getpid()} on [^\[]+ is at work"),
            locked(results),
        ):
            pass


def test_a_lock_that_another_driver_took_after_its_file_was_deleted_is_not_held_any_more(tmp_path):
    results = ResultsPaths(tmp_path)
    with locked(results) as lock:
        results.lock.unlink()
        with locked(results) as other:
            assert not lock.keep()
            assert other.keep()
        assert lock.keep()
