from types import SimpleNamespace

import pytest
import torch

from tests.tiny_suite import settings_for, tiny_specs
from ttq_bench.probing import healing
from ttq_bench.probing.trained_network import RecordedTrial
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.store import read_record
from ttq_bench.ternary.conversion import latent_of, quantized_layers, quantizer_of
from ttq_bench.trial.run import run_trial


@pytest.mark.slow
def test_a_threshold_that_is_held_for_an_epoch_is_renewed_as_the_epoch_begins(
    tmp_path, cache, monkeypatch
):
    entry = {"max_fraction": {"number": 0.05, "update": "epoch"}}
    parent, child = tiny_specs(cache, epochs=1, delta_strategies=[entry])
    settings = settings_for(tmp_path / "results", cache)
    for spec in (parent, child):
        assert run_trial(spec, settings, lambda: False) == "finished"
    paths = ResultsPaths(settings.results).trial(child.trial_id)
    held = []

    def watched(state, batches, recipe, on_step):
        for _, layer in quantized_layers(state.model):
            largest = latent_of(layer).detach().abs().max()
            held.append((quantizer_of(layer).held_threshold, 0.05 * largest))
        yield SimpleNamespace(test=SimpleNamespace(error_percent=1.0))

    monkeypatch.setattr(healing, "train", watched)
    healing.healing_of(RecordedTrial(child, read_record(paths.record), paths), settings)
    assert len(held) == 2 * 3  # as trained and held equal, three layers each
    for threshold, now in held:
        torch.testing.assert_close(threshold, now, rtol=1e-6, atol=0.0)
