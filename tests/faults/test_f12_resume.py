"""F12: a trial stopped and resumed at every epoch, for every method and strategy."""

import pytest

from tests.rule_numbers import number_of
from tests.tiny_suite import settings_for, tiny_document, tiny_specs
from tests.trial.same_trial import assert_same_trial
from ttq_bench.records.attempts.progress import read_progress
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.ternary.methods import METHODS
from ttq_bench.ternary.thresholds import THRESHOLDS
from ttq_bench.trial.run import run_trial

pytestmark = pytest.mark.full

EPOCHS = 3
STRATEGIES = tuple({name: number_of(name, 0.05)} for name in sorted(THRESHOLDS))
CALM = 1e-6  # learning rate: at 1e-4 averaged or missing scales may diverge, by the processor


@pytest.mark.fault("F12")
def test_weights_are_equal_for_every_method_and_strategy_stopped_at_every_epoch(
    cache, tmp_path, record_property
):
    training = tiny_document(epochs=EPOCHS)["training"]
    training["fine_tuned"] |= {"learning_rate": CALM}
    specs = tiny_specs(
        cache, methods=tuple(METHODS), delta_strategies=list(STRATEGIES), training=training
    )
    whole, broken = tmp_path / "whole/results", tmp_path / "broken/results"
    for spec in specs:
        assert run_trial(spec, settings_for(whole, cache), bool) == "finished"
        paths = ResultsPaths(broken).trial(spec.trial_id)
        for done in range(EPOCHS):
            stop = lambda: read_progress(paths).epoch >= done  # noqa: B023, E731
            assert run_trial(spec, settings_for(broken, cache), stop) == "stopped"
        assert run_trial(spec, settings_for(broken, cache), bool) == "finished"
        assert_same_trial(paths, ResultsPaths(whole).trial(spec.trial_id))
    arms = {spec.arm for spec in specs}
    record_property(
        "measured",
        f"{len(specs)} trials ({len(arms)} methods, {len(STRATEGIES)} strategies), each stopped"
        f" {EPOCHS} times: all weights and tables equal to the bit",
    )
    assert arms >= set(METHODS)
