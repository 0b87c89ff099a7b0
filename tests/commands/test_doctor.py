"""``ttq-bench doctor`` as a user meets it; what is bad here is bad for real."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.data.builders import random_images, write_class_folders
from tests.faults.test_f15_surroundings import in_namespace
from tests.tiny_suite import COMMAND, write_suite
from ttq_bench.cli import main
from ttq_bench.data.catalog import CIFAR10_BINARY, DATASETS
from ttq_bench.execution.ray.security import prepare
from ttq_bench.provenance import arithmetic

ROWS = [
    "python", "packages", "ttq_bench", "gpu", "cores", "memory", "disk of --results",
    "disk of the cache", "shared memory", *(f"images of {name}" for name in DATASETS),
    "ray token", "clock", "results",
]  # fmt: skip


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    """A home without a token, and none of Ray's variables."""
    for name in list(os.environ):
        if name.startswith("RAY_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def doctor(tmp_path, capsys):
    """Return the exit code and the rows by name, of a doctor that looks at ``tmp_path``."""

    def examine(*words):
        folders = ["--results", str(tmp_path / "results"), "--data-dir", str(tmp_path / "data")]
        code = main(["doctor", *folders, "--json", *words])
        rows = json.loads(capsys.readouterr().out)["checks"]
        return code, {row["check"]: row for row in rows}

    return examine


def in_process(tmp_path, *before, env=None):
    """Return the exit code and the rows of a doctor in a process of its own."""
    folders = ["--results", tmp_path / "results", "--data-dir", tmp_path / "data"]
    words = [*before, *COMMAND, "doctor", *folders, "--json"]
    done = subprocess.run(
        list(map(str, words)), capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, **(env or {})},
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, {row["check"]: row for row in json.loads(done.stdout)["checks"]}


def test_a_machine_on_which_all_is_well_has_a_row_for_each_check_and_code_0(doctor, tmp_path):
    code, rows = doctor()
    assert (code, list(rows)) == (0, ROWS)
    assert not [row for row in rows.values() if row["state"] == "problem"]
    assert all(bool(row["advice"]) is (row["state"] != "ok") for row in rows.values())
    assert f"arithmetic {arithmetic()}" in rows["ttq_bench"]["found"]
    assert rows["ray token"]["found"].endswith("the first run makes it with mode 0600")
    assert not list(tmp_path.iterdir())  # no folder, no token


def test_the_table_for_readers_has_the_advice_below_its_row(tmp_path, capsys):
    words = ["--results", str(tmp_path / "results"), "--data-dir", str(tmp_path / "data")]
    assert main(["doctor", *words]) == 0
    lines = capsys.readouterr().out.splitlines()
    at = next(n for n, line in enumerate(lines) if "images of mnist" in line)
    assert lines[at].startswith("warning  images of mnist")
    assert lines[at].endswith(f"absent: not in {tmp_path / 'data'}")
    assert lines[at + 1].strip().startswith("-> put Parquet files or class folders of mnist there")


def test_a_file_in_the_place_of_the_results_ends_with_the_code_of_a_run(doctor, tmp_path):
    (tmp_path / "results").write_text("in the way")
    code, rows = doctor()
    assert code == 2
    assert rows["results"]["state"] == "problem"
    assert "results cannot be written there (File exists)" in rows["results"]["found"]
    assert rows["results"]["advice"] == "name another folder with --results"
    assert (tmp_path / "results").read_text() == "in the way"


def test_results_that_are_there_stay_as_they_are(doctor, tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "summary.md").write_text("mine")
    code, rows = doctor()
    assert (code, rows["results"]["state"]) == (0, "ok")
    assert [path.name for path in (tmp_path / "results").iterdir()] == ["summary.md"]


@pytest.mark.slow
def test_results_on_a_disk_mounted_read_only_are_a_problem(tmp_path):
    root = tmp_path / "results"
    root.mkdir()
    mounts = in_namespace(f"mount --bind {root} {root}", f"mount -o remount,ro,bind {root}")
    code, rows = in_process(tmp_path, *mounts)
    assert code == 2
    assert "(Read-only file system)" in rows["results"]["found"]


@pytest.mark.slow
def test_a_small_disk_and_a_small_shared_memory_are_told_with_what_to_do(tmp_path):
    root = tmp_path / "results"
    root.mkdir()
    mounts = in_namespace(
        f"mount -t tmpfs -o size=20m none {root}", "mount -t tmpfs -o size=1m none /dev/shm"
    )
    code, rows = in_process(tmp_path, *mounts)
    disk, memory = rows["disk of --results"], rows["shared memory"]
    assert (code, disk["state"], memory["state"]) == (2, "problem", "warning")
    assert disk["found"] == f"0.0 GB free at {root}"
    assert disk["advice"] == "make room there, or use another --results"
    assert memory["found"] == "0.001 GB free at /dev/shm"
    assert "--shm-size=1g" in memory["advice"]


def test_a_truncated_archive_is_a_problem_and_named_with_its_bytes(doctor, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / CIFAR10_BINARY.files[0].file_name).write_bytes(b"\x1f\x8b" + bytes(998))
    code, rows = doctor()
    row = rows["images of cifar10"]
    assert (code, row["code"], row["state"]) == (5, 5, "problem")
    assert "(1,000 of 170,052,171 bytes)" in row["found"]
    assert row["advice"] == "delete it and run `ttq-bench data fetch` again"


def test_half_a_download_is_there_partly_and_can_go_on(doctor, tmp_path):
    (tmp_path / "data").mkdir()
    with (tmp_path / "data" / f"{CIFAR10_BINARY.files[0].file_name}.part").open("wb") as stream:
        stream.truncate(42_000_000)
    code, rows = doctor()
    row = rows["images of cifar10"]
    assert (code, row["state"]) == (0, "warning")
    assert row["found"] == "partly: 42 of 170 MB of cifar-10-binary.tar.gz are downloaded"
    assert f"`ttq-bench data fetch cifar10 --data-dir {tmp_path / 'data'}` goes on" in row["advice"]


def test_images_of_which_some_are_missing_are_there_partly_under_a_name_of_their_own(
    doctor, tmp_path
):
    for split in ("train", "test"):
        images = random_images(10, (28, 28, 1))
        write_class_folders(tmp_path / "data" / split, images, range(10))
    code, rows = doctor()
    row = rows["images of mnist"]
    assert (code, row["state"]) == (0, "warning")
    assert row["found"].startswith("partly: mnist-png-subset: 10 training and 10 test images")
    assert row["advice"].startswith("complete them")
    other = rows["images of cifar10"]  # it has ten classes, too
    assert (other["state"], other["found"]) == (
        "warning", f"absent: {tmp_path / 'data'} holds mnist"
    )  # fmt: skip


def test_half_a_folder_is_a_problem_with_what_is_missing(doctor, tmp_path):
    (tmp_path / "data" / "mnist" / "train" / "0").mkdir(parents=True)
    code, rows = doctor()
    row = rows["images of mnist"]
    assert (code, row["state"]) == (5, "problem")
    assert row["found"].endswith("mnist: test/CLASS/ is missing beside the other split")
    assert row["advice"] == "mend the folder, or name another with --data-dir"


def test_a_token_that_others_can_read_is_a_warning_with_the_command_that_closes_it(doctor, home):
    prepare(None, None)
    path = home / ".ray" / "auth_token"
    assert doctor()[1]["ray token"]["found"] == f"{path}: mode 0600"
    path.chmod(0o644)
    code, rows = doctor()
    row = rows["ray token"]
    assert (code, row["state"]) == (0, "warning")
    assert row["found"] == f"{path}: mode 0644, others can use it"
    assert row["advice"].startswith(f"`chmod 600 {path}`")
    assert path.stat().st_mode & 0o777 == 0o644  # looked at, not touched


@pytest.mark.parametrize("content", [b"", b" \n", "\u0141".encode()])
def test_a_token_that_a_run_would_refuse_is_a_problem(doctor, home, content):
    (home / ".ray").mkdir(parents=True)
    (home / ".ray" / "auth_token").write_bytes(content)
    code, rows = doctor()
    assert (code, rows["ray token"]["state"]) == (2, "problem")


def test_ray_without_tokens_is_a_warning(doctor, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    code, rows = doctor()
    assert (code, rows["ray token"]["state"]) == (0, "warning")
    assert rows["ray token"]["found"] == "RAY_AUTH_MODE=disabled"


def test_a_gpu_that_the_driver_lists_and_torch_does_not_see_is_a_problem(
    doctor, monkeypatch, tmp_path
):
    import torch

    if torch.cuda.is_available():
        pytest.skip("torch sees a GPU here")
    tool = tmp_path / "bin" / "nvidia-smi"
    tool.parent.mkdir()
    tool.write_text('#!/bin/sh\n[ "$1" = -L ] && echo "GPU 0: NVIDIA A100" || echo 470.82.01\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tool.parent), prepend=os.pathsep)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    code, rows = doctor()
    row = rows["gpu"]
    assert (code, row["state"]) == (2, "problem")
    assert row["found"].startswith("nvidia-smi lists 1 (driver 470.82.01), torch sees 0 (")
    assert row["advice"].endswith("or pass `--device cpu`")


@pytest.mark.slow
def test_a_clock_before_the_code_was_made_is_a_warning(tmp_path):
    (tmp_path / "injected").mkdir()
    (tmp_path / "injected" / "sitecustomize.py").write_text("import time\ntime.time = lambda: 1e9")
    code, rows = in_process(tmp_path, env={"PYTHONPATH": str(tmp_path / "injected")})
    assert (code, rows["clock"]["state"]) == (0, "warning")
    assert rows["clock"]["found"].startswith("2001-09-09 01:46 UTC, but the code is from 20")


@pytest.mark.slow
def test_a_quota_of_one_core_and_a_limit_of_memory_are_seen(tmp_path):
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("a quota is told where there are more cores")
    group = _group(tmp_path)
    enter = [f"echo $$ > {folder}/cgroup.procs" for folder in group]
    words = ["sh", "-ec", "\n".join([*enter, 'exec "$@"']), "sh"]
    try:
        code, rows = in_process(tmp_path, *words)
        plan = [*words, *COMMAND, "plan", write_suite(tmp_path), "--results", tmp_path]
        planned = json.loads(subprocess.check_output([*plan, "--json"]))
        refused = subprocess.run(
            [*plan, "--threads", "2"], capture_output=True, text=True, check=False
        )
    finally:
        for folder in group:
            Path(folder).rmdir()
    assert code == 2
    assert rows["cores"]["state"] == "ok"
    assert rows["cores"]["found"].startswith("1 usable of ")
    assert rows["cores"]["found"].endswith("for a quota of 1")
    assert (planned["slots"], planned["threads"]) == (1, 1)
    assert "this machine has 1 core of " in refused.stderr
    assert rows["memory"]["state"] == "problem"
    assert 0.5 < float(rows["memory"]["found"].split()[0]) < 1.5


def _group(tmp_path):
    """Return folders of new control groups that leave one core and 1.5 GB."""
    top, name = Path("/sys/fs/cgroup"), f"ttq-doctor-{os.getpid()}"
    limits = {
        "cpu": {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "100000"},
        "memory": {"memory.limit_in_bytes": "1500000000"},
    }
    if (top / "cgroup.controllers").exists():
        limits = {"": {"cpu.max": "100000 100000", "memory.max": "1500000000"}}
    made = []
    try:
        for controller, files in limits.items():
            folder = top / controller / name
            folder.mkdir()
            made.append(str(folder))
            for file, value in files.items():
                (folder / file).write_text(value)
    except OSError as error:
        for folder in made:
            Path(folder).rmdir()
        pytest.skip(f"no control groups can be made here: {error}")
    return made


def test_a_missing_torch_is_a_row_and_not_the_end(tmp_path):
    (tmp_path / "injected" / "torch").mkdir(parents=True)
    (tmp_path / "injected" / "torch" / "__init__.py").write_text("raise ImportError('no libcuda')")
    code, rows = in_process(tmp_path, env={"PYTHONPATH": str(tmp_path / "injected")})
    assert (code, rows["gpu"]["state"]) == (2, "problem")
    assert rows["gpu"]["found"] == "cannot be looked at (no libcuda)"
    assert rows["results"]["state"] == "ok"
