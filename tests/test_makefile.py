"""The Makefile takes any path, and deletes nothing but what belongs to the checkout."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tiny_suite import without_make, write_suite

CHECKOUT = Path(__file__).parents[1]
MAKEFILE = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
SETTINGS = ("RESULTS", "DATA_DIR", "ADDRESS", "SUITE", "PROFILE", "VENV")
TESTS = {"test", "test-slow", "test-full", "faults"}  # their settings lie in files of their own
TARGETS = sorted(set(re.findall(r"^([a-z-]+):.*\$\(READY\)", MAKEFILE, re.MULTILINE)) - TESTS)


@pytest.fixture
def checkout(tmp_path):
    """A checkout whose path has a space, with an environment that is this one."""
    folder = tmp_path / "my checkout"
    (folder / ".venv/bin").mkdir(parents=True)
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(CHECKOUT / name, folder)
    command = folder / ".venv/bin/ttq-bench"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m ttq_bench.cli "$@"\n')
    command.chmod(0o755)
    packages = folder / ".venv/lib/python3/site-packages"
    packages.mkdir(parents=True)
    (packages / "_editable_impl_ttq_bench.pth").write_text(str(folder))
    (folder / ".venv/.ready").touch()
    return folder


def make(folder, *words, code=0):
    command = ["make", "--no-print-directory", *map(str, words)]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env=without_make()
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("target", TARGETS)
def test_each_setting_of_each_target_stays_one_word(checkout, target):
    given = {name: f"{name} left 'mid' right" for name in SETTINGS}
    words = [f"{name}={value}" for name, value in given.items()]
    lines = make(checkout, "--dry-run", target, *words).replace("\\\n", " ").splitlines()
    told = [word for line in lines if not line.startswith("echo") for word in shlex.split(line)]
    assert [word for word in told if "left" in word]
    for word in told:
        if "left" in word or "mid" in word or word.startswith("right"):
            assert any(value in word for value in given.values()), word


def test_plan_takes_suite_results_and_images_whose_paths_have_spaces(checkout):
    suite = write_suite(checkout).rename(checkout / "my suite.yaml")
    words = [f"SUITE={suite.name}", "RESULTS=../my results", "DATA_DIR=my images", "PROFILE="]
    told = make(checkout, "-s", "plan", *words)
    assert "Tiny (suite tiny, protocol test)" in told
    assert told.count("3 to run; results in ../my results") == 1


def test_an_environment_whose_path_has_a_space_is_used(checkout):
    (checkout / ".venv").rename(checkout / "my env")
    suite = write_suite(checkout)
    told = make(checkout, "-s", "plan", f"SUITE={suite.name}", "PROFILE=", "VENV=my env")
    assert "3 to run" in told


@pytest.mark.parametrize(("results", "is_here"), [("results", True), ("./results/", True),
    ("../my other/results", False), ("../my checkout 2/results", False)])  # fmt: skip
def test_the_readme_is_refreshed_for_results_of_the_checkout_alone(checkout, results, is_here):
    for folder in ("results", results):
        (checkout / folder).mkdir(parents=True, exist_ok=True)
    recorder = checkout / ".venv/bin/ttq-bench"
    recorder.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    told = make(checkout, "-s", "report", f"RESULTS={results}").splitlines()
    assert told == ["report", "--results", results, *(["--readme", "README.md"] * is_here)]


def test_a_tilde_is_the_home_of_the_user(checkout, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    told = make(checkout, "--dry-run", "doctor", "RESULTS=~/my results")
    command = f"printf '%s\\n' {told.partition(' doctor ')[2]}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert f"{tmp_path}/home/my results" in done.stdout.splitlines()


def test_clean_deletes_the_demo_and_caches_and_nothing_outside(checkout):
    (checkout / "ttq_bench").mkdir()
    (checkout / "ttq_bench/cli.py").touch()
    gone = ["results/demo/a", ".pytest_cache/a", ".mypy_cache/a"]
    stay = ["../my/a", "../my results/demo/a", "results/trials/a", "out/demo/a", "results demo/a"]
    for name in gone + stay:
        (checkout / name).parent.mkdir(parents=True)
        (checkout / name).touch()
    for results in ("../my results", "out", "..", "/", "results"):
        make(checkout, "clean", f"RESULTS={results}")
    assert [name for name in stay if not (checkout / name).exists()] == []
    assert [name for name in gone if (checkout / name).exists()] == []


def test_clean_follows_no_link_out_of_the_checkout(checkout, tmp_path):
    (checkout / "ttq_bench").mkdir()
    (checkout / "ttq_bench/cli.py").touch()
    (tmp_path / "disk/demo").mkdir(parents=True)
    (checkout / "results").symlink_to(tmp_path / "disk")
    make(checkout, "clean")
    assert (tmp_path / "disk/demo").is_dir()


def test_clean_in_another_folder_is_refused(checkout, tmp_path):
    other = tmp_path / "project"
    (other / ".mypy_cache").mkdir(parents=True)
    make(other, "-f", checkout / "Makefile", "clean", code=2)
    assert (other / ".mypy_cache").is_dir()
