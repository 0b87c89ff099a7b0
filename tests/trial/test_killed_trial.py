"""A trial whose process is killed with SIGKILL, and started again, ends as if never killed."""

import subprocess
import sys

import pytest

from tests.tiny_suite import tiny_specs
from tests.trial.same_trial import assert_same_trial
from ttq_bench.records.paths import ResultsPaths

# One process imports torch and forks an attempt after the other, each killed at another moment.
KILLER = """
import os, signal, sys, time
from pathlib import Path
from ttq_bench.trial.settings import RunSettings
from ttq_bench.trial.run import run_trial
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.attempts.progress import read_progress
from ttq_bench.spec.trial import TrialSpec

results, cache = Path(sys.argv[1]), Path(sys.argv[2])
for text in sys.argv[3:]:
    spec = TrialSpec.model_validate_json(text)
    paths = ResultsPaths(results).trial(spec.trial_id)
    done = lambda: getattr(read_progress(paths), "epoch", -1)
    moments = {
        "writing a checkpoint": lambda: any(paths.attempts.glob("*/checkpoints/.*.tmp")),
        "training": lambda: done() == 2,
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
            time.sleep(0.0005)
            ended = os.waitpid(child, os.WNOHANG)
        if not ended[0]:
            os.kill(child, signal.SIGKILL)
            ended = os.waitpid(child, 0)
        print(name, os.WTERMSIG(ended[1]) if os.WIFSIGNALED(ended[1]) else "ended", sep=": ")
        for hidden in paths.results.trials.glob(".*"):
            hidden.rename(results / f"{hidden.name}-was-seen")
"""


@pytest.mark.slow
def test_trials_killed_at_several_moments_end_as_if_they_had_not_been(whole, cache, tmp_path):
    specs = tiny_specs(cache, epochs=3)[:2]
    words = [sys.executable, "-c", KILLER, tmp_path, cache, *(s.model_dump_json() for s in specs)]
    done = subprocess.run(
        list(map(str, words)), capture_output=True, text=True, timeout=120, check=True
    )
    told = done.stdout.splitlines()
    assert sum(line.endswith(": 9") for line in told) >= 4, done.stdout + done.stderr
    assert told.count(": ended") == 2
    for spec in specs:
        paths, expected = (ResultsPaths(root).trial(spec.trial_id) for root in (tmp_path, whole))
        assert_same_trial(paths, expected)
