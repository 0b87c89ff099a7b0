"""Limits of control groups, read from files as Linux writes them; tests/commands/test_doctor.py
meets the real ones of this machine."""

import pytest

from ttq_bench.execution.cgroups import core_quota, memory_left, usable_cores


def write(root, files):
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


@pytest.fixture
def second(tmp_path):
    """Version 2: a group with limits, inside one with others."""
    write(tmp_path, {
        "proc/self/cgroup": "0::/outer/inner\n",
        "sys/fs/cgroup/outer/cpu.max": "150000 100000\n",
        "sys/fs/cgroup/outer/memory.max": "3000\n",
        "sys/fs/cgroup/outer/memory.current": "1000\n",
        "sys/fs/cgroup/outer/memory.stat": "anon 500\ninactive_file 200\n",
        "sys/fs/cgroup/outer/inner/cpu.max": "max 100000\n",
        "sys/fs/cgroup/outer/inner/memory.max": "max\n",
        "sys/fs/cgroup/outer/inner/memory.current": "900\n",
    })  # fmt: skip
    return tmp_path


def test_a_group_without_limits_has_those_of_the_group_above(second):
    assert core_quota(second) == 1.5
    assert memory_left(second) == 3000 - 1000 + 200


def test_the_lowest_limit_counts(second):
    inner = "sys/fs/cgroup/outer/inner/"
    write(second, {f"{inner}cpu.max": "50000 100000\n", f"{inner}memory.max": "1500\n"})
    assert core_quota(second) == 0.5
    assert memory_left(second) == 600


@pytest.mark.parametrize(
    ("affinity", "quota", "cores"),
    [(2, "max", 2), (2, "200000", 2), (2, "800000", 2), (4, "250000", 2), (4, "50000", 1)],
)
def test_the_smaller_of_affinity_and_quota_says_how_many_cores_are_used(
    tmp_path, monkeypatch, affinity, quota, cores
):
    files = {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": f"{quota} 100000\n"}
    write(tmp_path, files)
    monkeypatch.setattr("os.sched_getaffinity", lambda process: set(range(affinity)))
    assert usable_cores(tmp_path) == cores


def test_a_container_that_does_not_see_its_own_path_has_the_limits_at_the_top(tmp_path):
    write(tmp_path, {
        "proc/self/cgroup": "0::/docker/0123\n", "sys/fs/cgroup/cpu.max": "200000 100000\n",
    })  # fmt: skip
    assert core_quota(tmp_path) == 2.0
    assert memory_left(tmp_path) is None


def test_version_1_has_a_tree_for_each_controller(tmp_path):
    write(tmp_path, {
        "proc/self/cgroup": "5:memory:/job\n3:cpu,cpuacct:/job\n0::/\n",
        "sys/fs/cgroup/cpu/job/cpu.cfs_quota_us": "300000\n",
        "sys/fs/cgroup/cpu/job/cpu.cfs_period_us": "100000\n",
        "sys/fs/cgroup/memory/job/memory.limit_in_bytes": "5000\n",
        "sys/fs/cgroup/memory/job/memory.usage_in_bytes": "2000\n",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        "sys/fs/cgroup/memory/memory.usage_in_bytes": "7000\n",
    })  # fmt: skip
    assert core_quota(tmp_path) == 3.0
    assert memory_left(tmp_path) == 3000


def test_no_limit_and_no_control_groups_are_none(tmp_path):
    assert core_quota(tmp_path) is None
    write(tmp_path, {
        "proc/self/cgroup": "3:cpu:/\n", "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
        "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
    })  # fmt: skip
    assert core_quota(tmp_path) is None
    assert memory_left(tmp_path) is None
