"""A checkout that was copied or moved with its .venv is told so, and does not run other code."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tiny_suite import without_make

REPOSITORY = Path(__file__).parents[1]
SCRIPT = f"#!{sys.executable}\nimport sys\nfrom ttq_bench.cli import main\nsys.exit(main())\n"


@pytest.fixture
def copy(tmp_path):
    """A checkout with an environment of which some files are as pip makes them."""
    for name in ("requirements.lock", "pyproject.toml", "Makefile"):
        shutil.copy(REPOSITORY / name, tmp_path)
    packages = tmp_path / ".venv/lib/python3.11/site-packages"
    for folder in (packages, tmp_path / ".venv/bin", tmp_path / "ttq_bench"):
        folder.mkdir(parents=True)
    (packages / "_editable_impl_ttq_bench.pth").write_text(f"{REPOSITORY}\n")
    (tmp_path / "ttq_bench/__init__.py").touch()
    script = tmp_path / ".venv/bin/ttq-bench"
    script.write_text(SCRIPT)
    script.chmod(0o755)
    (tmp_path / ".venv/pyvenv.cfg").touch()
    (tmp_path / ".venv/.ready").touch()
    return tmp_path


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, cwd=folder, capture_output=True, text=True, check=False, env=without_make()
    )


def test_make_tells_of_an_environment_that_runs_another_checkout(copy):
    done = run(copy, "make", "doctor")
    assert done.returncode == 2
    assert done.stderr.startswith(".venv was copied or moved here, and runs the code of another")
    assert not done.stdout


def test_make_takes_the_environment_of_its_own_checkout_also_through_a_link(copy):
    (copy / "by-another-name").symlink_to(copy)
    pth = copy / ".venv/lib/python3.11/site-packages/_editable_impl_ttq_bench.pth"
    for place in (copy, copy / "by-another-name"):
        pth.write_text(f"{place}\n")
        done = run(copy, "make", "-n", "install")
        assert done.returncode == 0
        done = run(copy, "make", "install")
        assert (done.returncode, done.stderr) == (0, "")
        assert "installing" not in done.stdout


def test_a_script_that_runs_another_place_s_code_refuses_and_tells_how_to_set_it_up(copy):
    done = run(copy, ".venv/bin/ttq-bench", "status")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"ttq-bench: {copy}/.venv was copied or moved: it would run the code in"
        f" {REPOSITORY}/ttq_bench; make it anew (`rm -rf {copy}/.venv`, then `make install`)\n"
    )


def test_where_there_is_no_makefile_the_way_to_set_it_up_names_pip(copy):
    (copy / "Makefile").unlink()
    done = run(copy, ".venv/bin/ttq-bench", "status")
    assert done.returncode == 2
    assert done.stderr.endswith("`, then `python3 -m venv` and `pip install` as before)\n")


def test_a_script_of_its_own_environment_runs_also_through_a_link(tmp_path):
    (tmp_path / "ttq-bench").symlink_to(Path(sys.executable).with_name("ttq-bench"))
    done = run(tmp_path, "./ttq-bench", "status", "--results", "none")
    assert "no such folder" in done.stderr
