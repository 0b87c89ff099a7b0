"""The folder of Ray's session: nobody but its owner enters it."""

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.tiny_suite import write_suite
from ttq_bench.errors import TtqBenchError
from ttq_bench.execution.ray.session import MOST_BYTES, session_folder

NOBODY = 65_534
as_root = pytest.mark.skipif(os.getuid() != 0, reason="takes a second user")


@pytest.fixture
def above(monkeypatch):
    """A short TMPDIR that all users may write to, as /tmp is."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="t") as folder:
        Path(folder).chmod(0o1777)
        monkeypatch.setenv("TMPDIR", folder)
        monkeypatch.delenv("RAY_TMPDIR", raising=False)
        monkeypatch.setattr(tempfile, "tempdir", None)
        yield Path(folder)


def entered(folder, user):
    """Whether a user can list, or write into, a folder."""
    words = ["/bin/sh", "-c", 'ls "$0" && : > "$0/x"', folder]
    done = subprocess.run(words, user=user, cwd="/", check=False, capture_output=True)
    return done.returncode == 0


def test_the_folder_is_closed_to_others_and_used_again(above):
    folder = session_folder()
    assert folder.parent == above
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert session_folder() == folder


@as_root
def test_a_second_user_cannot_enter_it(above):
    assert not entered(session_folder(), NOBODY)
    assert entered(session_folder(), 0)


@as_root
@pytest.mark.parametrize("how", ["a folder of his", "an open folder", "a link", "a file"])
def test_a_folder_that_another_user_prepared_is_not_taken(above, how):
    waiting = above / f"ttq-{os.getuid()}"
    if how == "a link":
        (above / "his").mkdir()
        waiting.symlink_to(above / "his")
    elif how == "a file":
        waiting.touch()
    else:
        waiting.mkdir()
        waiting.chmod(0o777)
        if how == "a folder of his":
            os.chown(waiting, NOBODY, NOBODY)
    folder = session_folder()
    assert folder != waiting
    assert stat.S_IMODE(folder.lstat().st_mode) == 0o700
    assert not entered(folder, NOBODY)


@pytest.mark.parametrize("variable", ["TMPDIR", "RAY_TMPDIR"])
@pytest.mark.parametrize(
    "name", ["a" * MOST_BYTES, "with space", "per%cent", "\udcff", "new\nline"]
)
def test_a_place_where_ray_cannot_work_is_named_with_its_variable(
    above, monkeypatch, variable, name
):
    (above / name).mkdir()
    monkeypatch.setenv(variable, str(above / name))
    with pytest.raises(TtqBenchError, match=f"^{variable}: Ray cannot keep its sockets below"):
        session_folder()


def test_a_relative_place_is_taken_from_the_working_directory(above, monkeypatch):
    (above / "x").mkdir()
    monkeypatch.chdir(above)
    monkeypatch.setenv("TMPDIR", "x")
    assert session_folder().parent == above / "x"


def test_a_place_that_is_not_there_is_named(above, monkeypatch):
    monkeypatch.setenv("RAY_TMPDIR", str(above / "no"))
    with pytest.raises(TtqBenchError, match=r"RAY_TMPDIR: .* cannot be written"):
        session_folder()


HARM = "raise SystemExit('of the working directory')"


@pytest.mark.slow
@pytest.mark.ray
def test_a_run_keeps_its_session_there_and_its_workers_import_what_is_installed_alone(
    above, cache, tmp_path
):
    suite = write_suite(tmp_path, epochs=1, methods=("full_precision",))
    (tmp_path / "here" / "ttq_bench").mkdir(parents=True)
    for name in ("random.py", "yaml.py", "ttq_bench/__init__.py"):
        (tmp_path / "here" / name).write_text(HARM)
    program = Path(sys.executable).with_name("ttq-bench")
    words = [program, "run", suite, "--results", tmp_path / "r", "--no-report", "--threads", "1"]
    done = subprocess.run(
        words, cwd=tmp_path / "here", capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    folder = above / f"ttq-{os.getuid()}"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert os.getuid() != 0 or not entered(folder, NOBODY)
    assert list(folder.glob("r/session_*/sockets"))
