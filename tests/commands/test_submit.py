"""What ``submit`` refuses before anything is sent, and the command line that the job gets."""

import shlex
import socket
import subprocess
from pathlib import Path

import pytest

from tests.tiny_suite import command_line, write_suite
from ttq_bench.cli import make_parser
from ttq_bench.commands.submit import entrypoint

CIFAR = "suites/cifar.yaml"
ADDRESS = ("--address", "http://head:8265")


@pytest.mark.parametrize("option", ["--results", "--data-dir"])
@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("results", "got 'results'; a relative one would lie in the job's own folder"),
        ("", "got ''; a relative one would lie in the job's own folder"),
    ],
)
def test_a_path_that_the_nodes_do_not_share_is_refused(option, given, reason, refused):
    words = ["suite.yaml", *ADDRESS, "--results", "/shared/results", option, given]
    told = refused("submit", *words)
    assert f"argument {option}: expected an absolute path" in told
    assert reason in told


def test_results_may_be_below_a_url_but_images_may_not(refused):
    words = ["suite.yaml", *ADDRESS, "--results", "s3://bucket/results"]
    told = refused("submit", *words, "--data-dir", "s3://bucket/images")
    assert "got the URL 's3://bucket/images'; images cannot be read from object storage" in told
    told = refused("submit", *words, "--results", "gs://me:secret@bucket")
    assert "gs://***@bucket: is no place for results" in told
    options = make_parser().parse_args(["submit", *words])
    assert "--results=s3://bucket/results" in entrypoint(options)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--results", "/r"], "the following arguments are required: --address"),
        (["--results", "/r", "--address", ""], "the address of a cluster's dashboard"),
        (["--results", "/r", "--address", "auto"], "for example http://head:8265, got 'auto'"),
        (ADDRESS, "the following arguments are required: --results"),
        ([*ADDRESS, "--results", "/r"], "none.yaml: cannot be read (No such file or directory)"),
    ],
)
def test_a_submission_that_lacks_something_is_refused(words, reason, refused):
    assert reason in refused("submit", "none.yaml", *words)


def test_images_that_must_be_shared_need_a_place(refused):
    told = refused("submit", CIFAR, *ADDRESS, "--results", "/r")
    assert f"{CIFAR}: needs cifar10; name with --data-dir an absolute path" in told


def test_a_cluster_that_is_not_there_is_told_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_TOKEN", "0" * 64)
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # and listens not
        address = f"127.0.0.1:{held.getsockname()[1]}"
        suite = write_suite(tmp_path)
        done = command_line("submit", suite, "--results", "/r", "--address", address)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (69, "", 1)
    assert f"--address {address}: nobody answers there (Connection refused)" in done.stderr


def test_the_job_runs_what_was_asked_for():
    words = ["my suites/it's.yaml", "--profile", "paper", "--device", "cuda", "--threads", "2"]
    words += ["--trials-per-gpu", "3", "--time-limit", "2h", "--silence", "90s", "--no-report"]
    words += ["--ranks", "4", "--checkpoint-every", "5m"]
    words += ["--results", "/shared/my results", "--data-dir", "/shared/data"]
    asked = make_parser().parse_args(["submit", *words, *ADDRESS, "--python", "python3.11"])
    shell, script, python, module, name, *command = shlex.split(entrypoint(asked))
    assert (shell, script) == ("sh", "ttq_bench/execution/ray/job.sh")
    assert (python, module, name) == ("python3.11", "-m", "ttq_bench.cli")
    at = command.index("--address")
    assert command[at : at + 2] == ["--address", "auto"]
    del command[at : at + 2]  # a job alone may say it
    run = make_parser().parse_args(command)
    assert run.suite == Path("suites/it's.yaml")
    for option in ("profile", "device", "threads", "trials_per_gpu", "time_limit", "silence",
                   "ranks", "checkpoint_every", "no_report", "results", "data_dir"):  # fmt: skip
        assert getattr(run, option) == getattr(asked, option), option


@pytest.mark.parametrize(
    ("given", "data_dir"), [((), ""), (("DATA_DIR=/shared/data",), " --data-dir /shared/data")]
)
def test_make_submit_is_this_command(given, data_dir):
    words = ["SUITE=suites/demo.yaml", "ADDRESS=http://head:8265", "RESULTS=/shared/results"]
    make = ["make", "--dry-run", "--no-print-directory", "submit", *words, *given]
    done = subprocess.run(make, capture_output=True, text=True, check=True)
    told = " ".join(shlex.split(done.stdout.replace("\\\n", " ")))
    assert told.endswith(
        "ttq-bench submit suites/demo.yaml --address http://head:8265 --profile auto"
        f" --results /shared/results{data_dir}"
    )
