import os

import pytest

from ttq_bench.doctor import machine
from ttq_bench.doctor.versions import judged_clock


@pytest.mark.parametrize(
    ("free", "state", "words"),
    [
        (9.5e9, "ok", ""),  # 0.7 + 8 x 1.1
        (9.4e9, "warning", "`--threads 2`"),  # 7 fit: two cores each, so that 4 run
        (3.0e9, "warning", "`--threads 4`"),  # 2 fit
        (1.8e9, "warning", "`--threads 8`"),
        (1.7e9, "problem", "end other programs"),
    ],
)
def test_memory_for_fewer_trials_than_cores_names_the_threads_that_fit(free, state, words):
    found = machine.judged_memory(int(free), slots=8, cores=8)
    assert found.state == state
    assert words in found.advice


@pytest.mark.parametrize(
    ("free", "state"),
    [(10**9, "ok"), (10**9 - 1, "warning"), (10**8, "warning"), (10**8 - 1, "problem")],
)
def test_a_disk_that_is_nearly_full_is_told(free, state):
    assert machine.judged_disk("disk", "there", free, "another").state == state


def test_a_folder_that_is_not_there_has_the_room_of_the_one_above_it(tmp_path):
    block = os.statvfs(tmp_path)
    free = machine.free_disk(tmp_path / "not" / "there")
    assert free == pytest.approx(block.f_bavail * block.f_frsize, rel=0.05)


@pytest.mark.parametrize(("behind", "state"), [(-9e9, "ok"), (86400, "ok"), (86401, "warning")])
def test_a_clock_a_day_behind_the_code_is_told(behind, state):
    assert judged_clock(1.7e9 - behind, 1.7e9).state == state


@pytest.mark.parametrize(
    ("listed", "seen", "cuda", "state", "words"),
    [
        (0, 0, None, "ok", ""),
        (0, 0, "12.8", "ok", ""),
        (2, 2, "12.8", "ok", ""),
        (2, 0, "12.8", "problem", "install a driver for CUDA 12.8 or newer"),
        (2, 0, None, "problem", "install a torch that is built for CUDA"),
        (2, 1, "12.8", "warning", "look for a broken GPU"),
        (0, 1, "12.8", "warning", "pass `--device cuda`"),
    ],
)
def test_the_advice_follows_from_what_driver_and_torch_see(listed, seen, cuda, state, words):
    found = machine.judged_gpus(listed, "550.1", seen, cuda, "NVIDIA H100")
    assert found.state == state
    assert words in found.advice
    assert bool(found.advice) is (state != "ok")
