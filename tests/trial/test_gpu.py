"""Whole trials on a GPU: records, exact resume across devices' checkpoints, errors as on a CPU."""

from dataclasses import replace

import pytest
import torch

from tests.tiny_suite import settings_for, tiny_specs
from tests.trial.same_trial import rows
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.store import read_record
from ttq_bench.trial.run import run_trial

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
EPOCHS = 8


def errors(folder, cache, device):
    """Train the tiny suite; return the last validation error of each trial."""
    settings = replace(settings_for(folder, cache), device=device)
    found = {}
    for spec in tiny_specs(cache, epochs=EPOCHS):
        assert run_trial(spec, settings, lambda: False) == "finished"
        table = rows(ResultsPaths(folder).trial(spec.trial_id), "epochs.parquet")
        found[spec.trial_id] = table[-1]["validation_error_percent"]
    return found


def test_trials_end_at_the_errors_that_a_cpu_finds(tmp_path, cache):
    on_gpu, on_cpu = (errors(tmp_path / name, cache, name) for name in ("cuda", "cpu"))

    assert set(on_gpu) == set(on_cpu)
    for name, error in on_cpu.items():
        assert on_gpu[name] == pytest.approx(error, abs=4.0), name  # of 180 images: seven


@pytest.mark.parametrize("index", [0, 1, 2])
@pytest.mark.parametrize("then", ["cuda", "cpu"])
def test_a_trial_stopped_on_a_gpu_goes_on_at_its_checkpoint(tmp_path, cache, index, then):
    parent, *_ = specs = tiny_specs(cache, epochs=4)
    spec, folder = specs[index], tmp_path / "results"
    settings = replace(settings_for(folder, cache), device="cuda")
    if spec is not parent:
        run_trial(parent, settings, lambda: False)
    asked = iter(range(1000))
    assert run_trial(spec, settings, lambda: next(asked) >= 2) == "stopped"

    assert run_trial(spec, replace(settings, device=then), lambda: False) == "finished"

    record = read_record(ResultsPaths(folder).trial(spec.trial_id).record)
    assert record.epochs_done == 4
    assert [attempt["device"] for attempt in record.run["attempts"]] == ["cuda", then]
