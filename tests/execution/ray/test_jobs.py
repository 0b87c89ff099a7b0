"""What is sent to a cluster, and how a job's end is read; jobs themselves: ``tests/cluster``.

Ray is imported by the tests and not by this file: it looks at its environment when it is imported,
and other tests of the same process set that first.
"""

import subprocess
import sys
from pathlib import Path

import pytest

import ttq_bench
from ttq_bench.errors import ClusterError
from ttq_bench.provenance import source_commit


def test_the_package_and_the_suite_are_sent_and_nothing_else(tmp_path):
    from ttq_bench.execution.ray.jobs import pack

    suite = tmp_path / "mine.yaml"
    suite.write_text("name: mine\n")
    (tmp_path / "secret.env").write_text("TOKEN=1")
    sent = tmp_path / "sent"
    sent.mkdir()
    pack(suite, sent)
    assert {path.name for path in sent.iterdir()} == {"ttq_bench", "suites"}
    assert [path.name for path in (sent / "suites").iterdir()] == ["mine.yaml"]
    assert not list(sent.rglob("__pycache__"))
    code = "from ttq_bench import cli, provenance; print(cli.__file__, provenance.source_commit())"
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=sent, capture_output=True, text=True, check=True
    ).stdout
    assert told.split() == [str(sent / "ttq_bench" / "cli.py"), source_commit()]


SCRIPT = Path(ttq_bench.__file__).parent / "execution" / "ray" / "job.sh"
ASK = ("-c", "import sys; print(sys.prefix, sys.argv[1:])", "a word")


def started(*words, above=()):
    """Run the start of a job below a process that has ``above`` on its command line."""
    code = f"import subprocess; raise SystemExit(subprocess.call({['sh', str(SCRIPT), *words]!r}))"
    return subprocess.run(
        [sys.executable, "-c", code, *above], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("folder", ["plain", "with a space"])
def test_a_job_takes_the_python_that_runs_ray_on_its_node(tmp_path, folder):
    python = tmp_path / folder / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\necho of Ray\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    worker = subprocess.list2cmdline([str(python), "default_worker.py", "--session=x"])
    done = started("", *ASK, above=["raylet", f"--python_worker_command={worker}", "--more"])
    assert done.stdout.splitlines() == ["of Ray", f"{sys.prefix} ['a word']"], done.stderr


def test_a_python_that_was_named_is_taken():
    assert started(sys.executable, *ASK).stdout == f"{sys.prefix} ['a word']\n"
    assert started("no-such-python", *ASK).returncode == 127


def test_a_python_that_lacks_packages_is_told_with_the_option_that_names_another(tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    done = started(str(tmp_path / "bare/bin/python"), *ASK)
    assert (done.returncode, done.stdout) == (2, "")
    missing, said = done.stderr.splitlines()
    assert "pydantic, ray, rich" in missing
    assert said.startswith(f"ttq-bench: {tmp_path}/bare/bin/python on this node lacks what")
    assert "--python" in said


def code_of(status, of_the_run, message=None):
    """Return the exit code of a job that Ray's dashboard tells of in these words."""
    from ray.job_submission import JobDetails

    from ttq_bench.execution.ray.jobs import exit_code

    told = {"status": status, "message": message, "driver_exit_code": of_the_run}
    return exit_code(JobDetails(type="SUBMISSION", entrypoint="", **told))


@pytest.mark.parametrize(
    ("status", "of_the_run", "code"),
    [
        ("SUCCEEDED", 0, 0),
        ("FAILED", 3, 3),
        ("FAILED", 75, 75),
        ("FAILED", -9, 137),
        ("STOPPED", None, 143),
    ],
)
def test_the_code_of_the_run_is_the_code_of_its_job(status, of_the_run, code):
    assert code_of(status, of_the_run) == code


@pytest.mark.parametrize(
    ("of_the_run", "message", "told"),
    [
        (127, None, "know no such Python; name it with --python"),
        (None, "Failed to set up its environment\nmore", r"\(Failed to set up its environment\)"),
        (None, "Traceback (most recent call last):\n  x\nOSError: full", r"\(OSError: full\)"),
        (None, None, "it says no reason"),
    ],
)
def test_a_job_that_ran_nothing_is_told_in_a_sentence(of_the_run, message, told):
    with pytest.raises(ClusterError, match=told):
        code_of("FAILED", of_the_run, message)
