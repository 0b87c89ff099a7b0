"""Variables, paths and names that are odd: right at once, or one sentence that names them."""

import os
import subprocess
import sys

import pytest

from tests.data import builders
from tests.record_builders import write_grid
from tests.tiny_suite import COMMAND, write_suite

WITHOUT_RAY = """
import sys
sys.modules["ray"] = None
from ttq_bench.cli import main
suite, results = sys.argv[1:]
for words in (
    ["run", suite, "--results", results],
    ["submit", "demo", "--results", results, "--address", "http://127.0.0.1:1"],
    ["doctor", "--results", results, "--cluster"],
):
    print("ended with", main(words), file=sys.stderr)
"""
NO_UTF8 = os.fsdecode(b"a\xffb")


@pytest.mark.parametrize("date", ["abc", "-1", "", "1.5", "9" * 30])
def test_a_date_that_is_no_number_of_seconds_is_named(tmp_path, refused, monkeypatch, date):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", date)
    sentence = refused("status", "--results", tmp_path)
    assert "SOURCE_DATE_EPOCH: expected seconds since 1970" in sentence


@pytest.mark.slow
def test_a_report_uses_its_own_backend_and_obeys_no_filter_of_warnings(tmp_path):
    write_grid(tmp_path, seeds=1)
    env = os.environ | {
        "MPLBACKEND": "nosuch", "PYTHONWARNINGS": "error", "PYTHONOPTIMIZE": "2",
        "SOURCE_DATE_EPOCH": "1000000000",
    }  # fmt: skip
    words = [*COMMAND, "report", "--results", str(tmp_path)]
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=False, timeout=240)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_a_variable_that_keeps_a_package_from_its_import_is_named(tmp_path):
    env = os.environ | {"TORCH_LOGS": "nonsense"}
    words = ["run", str(write_suite(tmp_path, epochs=1)), "--results", str(tmp_path / "r")]
    words = [*COMMAND, *words, "--backend", "inprocess"]
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode in (2, 3), done.stderr
    assert "Traceback" not in done.stderr
    assert "TORCH_LOGS" in done.stderr


@pytest.mark.parametrize("option", ["--results", "--data-dir"])
@pytest.mark.parametrize("kind", ["no UTF-8", "a ring"])
def test_a_path_that_cannot_be_used_is_refused_before_anything_is_done(
    tmp_path, refused, option, kind
):
    place = tmp_path / (NO_UTF8 if kind == "no UTF-8" else "ring")
    if kind == "a ring":
        place.symlink_to(tmp_path / "other")
        (tmp_path / "other").symlink_to(place)
    sentence = refused("run", write_suite(tmp_path), option, place / "x")
    assert ("not UTF-8" if kind == "no UTF-8" else "ring of links") in sentence


def test_results_below_a_working_directory_that_is_no_utf8_are_refused(
    tmp_path, refused, monkeypatch
):
    suite = write_suite(tmp_path)
    (tmp_path / NO_UTF8).mkdir()
    monkeypatch.chdir(tmp_path / NO_UTF8)
    assert "not UTF-8" in refused("run", suite)
    assert not list((tmp_path / NO_UTF8).iterdir())


@pytest.mark.parametrize("name", ["image", "class", "folder"])
def test_names_of_images_that_are_no_utf8_are_named(tmp_path, cache, refused, name):
    folder = tmp_path / (NO_UTF8 if name == "folder" else "f")
    for split in ("train", "test"):
        builders.write_class_folders(folder / split, builders.random_images(20), [0, 1] * 10, 2)
        if name == "image":
            (folder / split / "0" / "00000.png").rename(folder / split / "0" / f"{NO_UTF8}.png")
        if name == "class":
            (folder / split / "0").rename(folder / split / NO_UTF8)
    code = 2 if name == "folder" else 5
    assert "not UTF-8" in refused("data", "show", f"folder:{folder}", code=code)


def test_a_package_that_cannot_be_loaded_is_named(tmp_path):
    (tmp_path / "torch").mkdir()
    text = "raise ImportError('libtorch.so: failed to map segment from shared object')\n"
    (tmp_path / "torch" / "__init__.py").write_text(text)
    words = [*COMMAND, "run", str(write_suite(tmp_path)), "--results", str(tmp_path / "results")]
    env = os.environ | {"PYTHONPATH": str(tmp_path)}

    done = subprocess.run(
        [*words, "--backend", "inprocess"], env=env, capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert "torch cannot be imported (libtorch.so: failed to map segment" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_ray_each_command_says_what_helps_there(tmp_path):
    words = [sys.executable, "-c", WITHOUT_RAY, write_suite(tmp_path), tmp_path / "results"]
    done = subprocess.run(
        list(map(str, words)), capture_output=True, text=True, check=False, timeout=240
    )

    run, submit, *_ = answers = done.stderr.split("ended with 2\n")
    assert len(answers) == 4, done.stderr
    assert "ttq-bench: Ray cannot be imported (" in run
    assert run.endswith(", or use --backend inprocess\n")
    assert "ttq-bench: Ray cannot be imported (" in submit
    assert "asking each node" in done.stdout
    assert "inprocess" not in submit + done.stdout.partition("asking each node")[2]
    assert "problem  cluster" in done.stdout
