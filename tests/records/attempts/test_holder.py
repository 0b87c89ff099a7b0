import os
import subprocess
import sys

import pytest

from ttq_bench.records.attempts import holder
from ttq_bench.records.attempts.holder import (
    has_ended_here,
    this_host,
    this_process,
    without_system,
)


@pytest.fixture
def ended():
    """The name of a process of this machine that is no more."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return this_process().replace(f"process {os.getpid()} ", f"process {process.pid} ")


def test_a_process_has_ended_once_this_system_has_none_of_its_number(ended):
    assert has_ended_here(ended)
    assert not has_ended_here(this_process())


@pytest.mark.parametrize("place", ["BOOT", "PROCESS_NAMESPACE"])
def test_a_process_of_another_system_of_this_name_is_not_known_to_have_ended(
    ended, place, tmp_path, monkeypatch
):
    (tmp_path / "other").write_text("another boot")
    monkeypatch.setattr(holder, place, tmp_path / "other")
    assert not has_ended_here(ended)


def test_a_name_without_a_system_is_not_known_to_have_ended(ended, tmp_path, monkeypatch):
    assert not has_ended_here(without_system(ended))
    monkeypatch.setattr(holder, "BOOT", tmp_path / "missing")
    of_unknown_system = this_process().replace(f"process {os.getpid()} ", "process 999999999 ")
    assert of_unknown_system.endswith(" []")
    assert not has_ended_here(of_unknown_system)


def test_messages_have_number_and_machine_alone():
    assert without_system(this_process()) == f"process {os.getpid()} on {this_host()}"
    assert without_system("somebody") == "somebody"
