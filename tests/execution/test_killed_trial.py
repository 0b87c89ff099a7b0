"""A trial whose process is killed with SIGKILL, and started again, ends as if never killed."""

import subprocess
import sys

import pytest
from tests.execution.same_trial import assert_same_trial, bring_parent
from tests.tiny_suite import tiny_specs
from ttq_bench.records.paths import ResultsPaths

# One process imports torch and forks an attempt after the other, each killed at another moment.
KILLER = """
import os, signal, sys, time
from pathlib import Path
from ttq_bench.execution.settings import RunSettings
from ttq_bench.execution.trial import run_trial
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.progress import read_progress
from ttq_bench.suite.spec import TrialSpec

results, cache = Path(sys.argv[1]), Path(sys.argv[2])
spec = TrialSpec.model_validate_json(sys.argv[3])
paths = ResultsPaths(results).trial(spec.trial_id)


def epoch():
    progress = read_progress(paths)
    return progress.epoch if progress else -1


moments = {
    "training": lambda: epoch() == 0,
    "writing a checkpoint": lambda: any(paths.checkpoints.glob(".*.tmp")),
    "training on": lambda: epoch() == 2,
    "publishing": lambda: any(paths.results.trials.glob(".*")),
    "": lambda: False,
}
for name, has_come in moments.items():
    child = os.fork()
    if not child:
        run_trial(spec, RunSettings(results, results / "data", cache, "cpu"), lambda: False)
        os._exit(0)
    ended = (0, 0)
    while not ended[0] and not has_come():
        ended = os.waitpid(child, os.WNOHANG)
    if not ended[0]:
        os.kill(child, signal.SIGKILL)
        ended = os.waitpid(child, 0)
    print(name, os.WTERMSIG(ended[1]) if os.WIFSIGNALED(ended[1]) else "ended", sep=": ")
"""


@pytest.mark.parametrize("index", [0, 1], ids=["full_precision", "ttq"])
def test_a_trial_killed_at_any_moment_ends_as_if_it_had_not_been(whole, cache, tmp_path, index):
    spec = tiny_specs(cache, epochs=3)[index]
    bring_parent(spec, whole, tmp_path)
    words = [sys.executable, "-c", KILLER, tmp_path, cache, spec.model_dump_json()]
    done = subprocess.run(
        list(map(str, words)), capture_output=True, text=True, timeout=120, check=True
    )
    kills = [line for line in done.stdout.splitlines() if line.endswith(": 9")]
    assert len(kills) >= 3, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == ": ended"
    assert_same_trial(
        ResultsPaths(tmp_path).trial(spec.trial_id), ResultsPaths(whole).trial(spec.trial_id)
    )
