"""What is sent to a cluster, and how a job's end is read; jobs themselves: ``tests/cluster``.

Ray is imported by the tests and not by this file: it looks at its environment when it is imported,
and other tests of the same process set that first.
"""

import subprocess
import sys

import pytest

from ttq_bench.errors import ClusterError
from ttq_bench.provenance import source_commit


def test_the_package_and_the_suite_are_sent_and_nothing_else(tmp_path):
    from ttq_bench.execution.ray_jobs import pack

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


def code_of(status, of_the_run, message=None):
    """Return the exit code of a job that Ray's dashboard tells of in these words."""
    from ray.job_submission import JobDetails

    from ttq_bench.execution.ray_jobs import exit_code

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
