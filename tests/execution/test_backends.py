import subprocess
import sys
import time

import pytest

from tests.tiny_suite import settings_for, tiny_specs
from ttq_bench.execution.backends import InProcessBackend


@pytest.mark.slow
def test_trials_run_one_a_wait_in_the_order_of_their_arrival(tmp_path, cache):
    backend = InProcessBackend(bool)
    specs = tiny_specs(cache, epochs=1)
    for spec in specs:
        backend.submit(spec, settings_for(tmp_path, cache))
    ended = [backend.wait(0.0) for _ in specs]
    assert [one.trial_id for (one,) in ended] == [spec.trial_id for spec in specs]
    assert {one.outcome for (one,) in ended} == {"finished"}
    assert backend.wait(0.0) == []


def test_an_interruption_stops_the_trial_that_runs(tmp_path, cache):
    backend = InProcessBackend(lambda: True)
    backend.submit(tiny_specs(cache)[0], settings_for(tmp_path, cache))
    assert [one.outcome for one in backend.wait(0.0)] == ["stopped"]


def test_time_passes_where_nothing_runs(tmp_path):
    begun = time.monotonic()
    assert InProcessBackend(bool).wait(0.2) == []
    assert time.monotonic() - begun >= 0.2


def test_a_driver_that_uses_ray_needs_no_torch_and_a_worker_leaves_its_sign_before_torch():
    code = "import sys, ttq_bench.execution.ray.backend; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
