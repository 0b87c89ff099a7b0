"""``ttq-bench submit`` from outside of a cluster that ``ray start`` made."""

import os
import re
import signal
import socket
import subprocess
import sys
from importlib.util import find_spec

import pytest

from tests.cluster.started import (
    HEAD,
    NEEDS_DASHBOARD,
    free_ports,
    ray_start,
    started,
    token_environment,
)
from tests.faults.clusters import Listener, kill_all
from tests.faults.namespaces import RAY
from tests.tiny_suite import COMMAND, tiny_specs, write_suite
from ttq_bench.provenance import source_commit
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.store import read_record

pytestmark = [
    pytest.mark.slow,
    pytest.mark.ray,
    pytest.mark.skipif(not find_spec("aiohttp_cors"), reason=NEEDS_DASHBOARD),
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, cache):
    with started(tmp_path_factory.mktemp("started"), cache) as made:
        yield made


@pytest.fixture(autouse=True)
def nothing_left(tmp_path):
    """End what a failed test leaves behind."""
    yield
    kill_all(tmp_path)


def submit(cluster, suite, results, *more):
    """Start ``ttq-bench submit``."""
    words = [*COMMAND, "submit", suite, "--address", cluster.url, "--results", results]
    words += ["--threads", "1", "--no-report", *more]
    return Listener(
        subprocess.Popen(
            list(map(str, words)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | cluster.env,
            # What a shell starts in the background ignores Ctrl-C, these tests perhaps among it.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )
    )


def test_a_suite_leaves_its_records_and_says_that_it_succeeded(cluster, cache, tmp_path):
    results = ResultsPaths(tmp_path / "results")
    alone = {"epochs": 1, "methods": ("full_precision",)}
    said = submit(cluster, write_suite(tmp_path, **alone), results.root)
    assert said.finish() == 0, said.text()
    assert said.heard("1/1 trials, 1/1 epochs")
    (spec,) = tiny_specs(cache, **alone)
    record = read_record(results.trial(spec.trial_id).record)
    assert record.run["backend"] == "ray"
    assert record.provenance["commit"] == source_commit()  # of what was sent: git is not there


SOON = """
import sys
from ttq_bench.cli import main
from ttq_bench.execution.ray import security
security.prepare("elsewhere", None)
from ttq_bench.execution.ray import jobs
jobs.AGENT_SECONDS = 1.0
sys.exit(main())
"""


def test_a_head_whose_job_agent_is_missing_is_told_with_its_log(tmp_path):
    env = token_environment(tmp_path)
    gcs, dashboard = free_ports(2)
    with socket.socket() as taken:
        taken.bind((HEAD, 0))
        taken.listen()
        ray_start(
            tmp_path, env, HEAD, "--head", f"--port={gcs}", "--num-cpus=0",
            f"--dashboard-port={dashboard}",
            f"--dashboard-agent-listen-port={taken.getsockname()[1]}",
        )  # fmt: skip
        words = ["submit", write_suite(tmp_path), "--results", tmp_path / "results"]
        done = subprocess.run(
            [sys.executable, "-c", SOON, *words, "--address", f"http://127.0.0.1:{dashboard}"],
            env=os.environ | env, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    assert done.returncode == 69, done.stderr
    (said,) = done.stderr.splitlines()
    assert "the job agent of the cluster's head does not answer" in said
    assert "dashboard_agent.log" in said


def test_a_job_outlives_ctrl_c_which_says_how_to_end_it(cluster, cache, tmp_path):
    suite = write_suite(tmp_path, epochs=3000, methods=("full_precision",))
    results = tmp_path / "results"
    said = submit(cluster, suite, results)
    said.wait_for("/3000, validation error")
    rival = submit(cluster, suite, results)
    assert rival.finish() == 75, rival.text()
    said.process.send_signal(signal.SIGINT)
    assert said.finish() == 130
    (stop,) = re.findall(r"`([^`]+)` ends it", said.text())
    assert "Traceback" not in said.text()
    ended = subprocess.run(
        ["/bin/sh", "-c", stop],
        env=os.environ | cluster.env | {"PATH": f"{RAY.parent}:/usr/bin:/bin"},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert "was stopped" in ended.stdout + ended.stderr
    # The lock is free again: nothing of the job is left. The exit code is the one of the run.
    again = submit(cluster, suite, results, "--time-limit", "1s")
    assert again.finish() == 4, again.text()
    assert again.heard("stopped (time limit); not finished: 1 trial")
