import pytest
from hypothesis import given
from hypothesis import strategies as st

from ttq_bench.execution.resources import (
    Machine,
    Shares,
    detect_machine,
    share,
    trials_on_a_gpu,
)


def shared(machine, device, trials, *, threads=None, trials_per_gpu=None, ranks=1):
    on_a_gpu = trials_per_gpu or trials_on_a_gpu(machine, trials)
    return share([machine], device, trials, threads=threads, trials_per_gpu=on_a_gpu, ranks=ranks)


@pytest.mark.parametrize(
    ("cores", "trials", "threads", "expected"),
    [
        (16, 4, None, Shares(4, 4, 0.0)),  # fewer trials than cores: each gets several
        (16, 6, None, Shares(8, 2, 0.0)),  # 16 // 6 = 2 threads, so 8 places
        (16, 100, None, Shares(16, 1, 0.0)),
        (2, 1, None, Shares(1, 2, 0.0)),
        (2, 0, None, Shares(1, 2, 0.0)),  # nothing to run is no division by zero
        (16, 100, 3, Shares(5, 3, 0.0)),  # asked for: 5 x 3 = 15 of 16 cores
        (2, 9, 2, Shares(1, 2, 0.0)),
    ],
)
def test_cores_are_shared_among_the_trials_of_the_suite(cores, trials, threads, expected):
    assert shared(Machine(cores, 0), "cpu", trials, threads=threads, trials_per_gpu=4) == expected


@pytest.mark.parametrize(
    ("machine", "threads", "trials_per_gpu", "expected"),
    [
        (Machine(16, 1), None, 4, Shares(4, 4, 0.25)),
        (Machine(16, 2), None, 1, Shares(2, 8, 1.0)),
        (Machine(4, 2), None, 4, Shares(8, 1, 0.25)),  # never less than one thread
        (Machine(16, 1), 2, 2, Shares(2, 2, 0.5)),
        (Machine(16, 1, 80.0), None, None, Shares(1, 16, 1.0)),  # in turns: no gain
        (Machine(16, 1, 80.0, True), None, None, Shares(12, 1, 1 / 12)),
        (Machine(4, 1, 80.0, True), None, None, Shares(4, 1, 0.25)),  # a core each
        (Machine(64, 1, 11.0, True), None, None, Shares(3, 21, 1 / 3)),  # its memory
        (Machine(64, 1, 0.0, True), None, None, Shares(1, 64, 1.0)),  # of unknown memory
        (Machine(16, 0), None, None, Shares(1, 1, 1.0)),  # a head: the GPUs are the cluster's
        (Machine(16, 2, 80.0, True), None, 3, Shares(6, 2, 1 / 3)),
    ],
)
def test_gpus_are_shared_in_equal_parts(machine, threads, trials_per_gpu, expected):
    shares = shared(machine, "cuda", 100, threads=threads, trials_per_gpu=trials_per_gpu)
    assert shares == expected


@pytest.mark.parametrize(("trials", "each"), [(1, 1), (2, 1), (5, 3), (100, 12)])
def test_few_trials_are_spread_over_the_gpus(trials, each):
    machine = Machine(64, 2, 80.0, True)
    shares = shared(machine, "cuda", trials, threads=None, trials_per_gpu=None)
    assert shares.slots == 2 * each


def test_a_machine_with_gpus_can_still_train_on_its_cores():
    assert shared(Machine(8, 2), "cpu", 8, threads=None, trials_per_gpu=4) == Shares(8, 1, 0.0)


@given(st.integers(1, 512), st.integers(0, 10_000))
def test_trials_never_take_more_cores_than_there_are_and_leave_less_than_one_share(cores, trials):
    shares = shared(Machine(cores, 0), "cpu", trials, threads=None, trials_per_gpu=4)
    assert 0 <= cores - shares.slots * shares.threads < shares.threads


@given(st.integers(1, 256), st.integers(0, 1000))
def test_one_machine_is_shared_as_its_cores_divided_by_the_trials(cores, trials):
    each = max(1, cores // max(1, min(cores, trials)))
    assert shared(Machine(cores, 0), "cpu", trials) == Shares(cores // each, each, 0.0)


def test_workers_count_cores_on_a_cpu_and_gpus_on_gpus():
    assert Shares(5, 3, 0.0).workers == 15
    assert Shares(2, 3, 0.0, 2).workers == 12
    assert Shares(2, 3, 1.0, 2).workers == 4
    assert Shares(8, 2, 0.25).workers == 2


LISTING = "#!/bin/sh\necho 81920, A\necho 40960, B\n"


@pytest.mark.parametrize(
    ("visible", "gpus", "gib"),
    [
        (None, 2, 40.0),
        ("", 0, 0.0),
        ("-1", 0, 0.0),
        ("0", 1, 80.0),
        ("1", 1, 40.0),
        ("GPU-5a,", 1, 80.0),  # which one it is, is not known
        ("0,1,2,3", 2, 40.0),  # no more than there are
    ],
)
def test_visible_gpus_are_those_of_the_environment_that_are_there(
    monkeypatch, tmp_path, visible, gpus, gib
):
    tool = tmp_path / "nvidia-smi"
    tool.write_text(LISTING)
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    machine = detect_machine()
    assert (machine.gpus, machine.device) == (gpus, "cuda" if gpus else "cpu")
    assert machine.gpu_gib == gib
    assert machine.cores >= 1


def test_a_gpu_that_is_only_named_in_the_environment_is_not_there(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert detect_machine().gpus == 0


@pytest.mark.parametrize(
    ("script", "gpus"), [(LISTING, 2), ("#!/bin/sh\necho it failed\nexit 9\n", 0), (None, 0)]
)
def test_without_that_the_driver_of_the_gpus_is_asked(monkeypatch, tmp_path, script, gpus):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    if script:
        tool = tmp_path / "nvidia-smi"
        tool.write_text(script)
        tool.chmod(0o755)
    assert detect_machine().gpus == gpus


@pytest.mark.parametrize(
    ("machine", "device", "trials", "threads", "expected"),
    [
        (Machine(16, 0), "cpu", 9, None, Shares(8, 1, 0.0, 2)),
        (Machine(16, 0), "cpu", 2, None, Shares(2, 4, 0.0, 2)),  # fewer trials: more threads
        (Machine(16, 0), "cpu", 9, 4, Shares(2, 4, 0.0, 2)),
        (Machine(16, 4, 80.0, True), "cuda", 9, None, Shares(2, 4, 1.0, 2)),  # a GPU for each rank
        (Machine(16, 4), "cuda", 1, 2, Shares(2, 2, 1.0, 2)),
        (Machine(4, 0), "cuda", 9, None, Shares(1, 1, 1.0, 2)),  # a head: the cluster has the GPUs
    ],
)
def test_ranks_share_nothing(machine, device, trials, threads, expected):
    given = shared(machine, device, trials, threads=threads, trials_per_gpu=None, ranks=2)
    assert given == expected
