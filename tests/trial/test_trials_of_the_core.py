"""Every method and every way to move a threshold, trained, recorded and resumed for real."""

from dataclasses import replace

import pytest

from tests.rule_numbers import number_of
from tests.tiny_suite import settings_for, tiny_specs
from tests.trial.same_trial import assert_same_trial, bring_parent, rows
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.schema import HISTOGRAM_COLUMNS
from ttq_bench.records.store import read_record
from ttq_bench.ternary.methods import METHODS
from ttq_bench.ternary.thresholds import THRESHOLDS
from ttq_bench.trial.run import run_trial

QUANTIZED = sorted(name for name in METHODS if METHODS[name].is_quantized)
MOVING = {
    "ramp": {"constant_sparsity": {"start": 0.0, "number": 0.5, "ramp_epochs": 1.5}},
    "held": {"max_fraction": {"number": 0.05, "update": "epoch"}},
    "held ramp": {
        "constant_sparsity": {"start": 0.2, "number": 0.6, "ramp_epochs": 2.0, "update": "epoch"}
    },
}


def run_all(specs, results, cache):
    for spec in specs:
        assert run_trial(spec, settings_for(results, cache), lambda: False) == "finished"


def test_every_strategy_becomes_a_record_with_zeros(cache, tmp_path):
    strategies = [{name: number_of(name, 0.05)} for name in sorted(THRESHOLDS)]
    specs = tiny_specs(cache, epochs=1, delta_strategies=strategies)
    run_all(specs, tmp_path, cache)

    for spec in specs[1:]:
        assert 0 < read_record(ResultsPaths(tmp_path).trial(spec.trial_id).record).sparsity < 1
    assert {spec.quantization.strategy.name for spec in specs[1:]} == set(THRESHOLDS)


@pytest.fixture(scope="module")
def methods(tmp_path_factory, cache):
    """One epoch of every method; the trials by arm."""
    results = tmp_path_factory.mktemp("methods") / "results"
    specs = tiny_specs(
        cache, epochs=1, methods=("full_precision", *QUANTIZED),
        delta_strategies=[{"max_fraction": 0.05}],
    )  # fmt: skip
    run_all(specs, results, cache)
    return {spec.arm: ResultsPaths(results).trial(spec.trial_id) for spec in specs}


@pytest.mark.parametrize("name", QUANTIZED)
def test_every_method_becomes_a_record_with_its_scales(methods, name):
    record, table = read_record(methods[name].record), rows(methods[name], "scales.parquet")

    assert record.outcome == "finished"
    assert [row["epoch"] for row in table] == [0, 0, 0, 1, 1, 1]
    assert {row["code_flips"] for row in table[:3]} == {None}
    assert all(0 <= row["code_flips"] <= 1 for row in table[3:])
    alike = all(row["positive_scale"] == row["negative_scale"] for row in table)
    assert alike == (METHODS[name].scales != "learned_pair")
    assert (record.sparsity == 0) == (METHODS[name].levels == "two")


@pytest.mark.parametrize("name", QUANTIZED)
def test_the_strategy_of_a_record_is_the_one_in_use(methods, name):
    quantization = read_record(methods[name].record).spec["quantization"]

    method = METHODS[name]
    given = "max_fraction" if method.takes_strategy else None
    expected = method.strategy.name if method.strategy else given
    assert (quantization["strategy"] or {}).get("name") == expected


def test_histograms_are_kept_for_the_first_and_the_last_epoch(methods):
    table = rows(methods["ttq"], "histograms.parquet")

    assert tuple(table[0]) == HISTOGRAM_COLUMNS
    assert {row["epoch"] for row in table} == {0, 1}
    count = sum(row["count"] for row in table if (row["epoch"], row["layer"]) == (1, "conv2"))
    assert count == 2400


def test_an_epoch_on_digits_alarms_under_no_method(methods):
    assert {read_record(methods[name].record).alarms for name in QUANTIZED} == {()}


@pytest.fixture(scope="module", params=sorted(MOVING))
def moving(request, tmp_path_factory, cache, whole):
    results = tmp_path_factory.mktemp("moving") / "results"
    _, spec = tiny_specs(cache, epochs=3, delta_strategies=[MOVING[request.param]])
    bring_parent(spec, whole, results)
    run_all([spec], results, cache)
    return request.param, spec, results


@pytest.mark.slow
def test_the_number_moves_as_the_strategy_says(moving):
    name, spec, results = moving
    table = rows(ResultsPaths(results).trial(spec.trial_id), "scales.parquet")
    shares = [row["zero_share"] for row in table if row["layer"] == "fc1"]

    if name == "ramp":
        # 0.667 of the way at the end of the first epoch, all of it in the second.
        assert shares == pytest.approx([0.0, 0.5 / 1.5, 0.5, 0.5], abs=1e-3)
    if name == "held ramp":
        # Held at the beginning of each epoch; latent weights move on within it.
        assert shares == pytest.approx([0.2, 0.2, 0.4, 0.6], abs=0.02)


@pytest.mark.slow
def test_a_threshold_held_for_an_epoch_is_that_of_its_beginning(moving):
    name, spec, results = moving
    table = rows(ResultsPaths(results).trial(spec.trial_id), "scales.parquet")
    thresholds = [row["threshold"] for row in table if row["layer"] == "fc1"]

    if name == "held":
        assert thresholds[0] == thresholds[1] != thresholds[2] != thresholds[3]


@pytest.mark.slow
def test_a_resumed_trial_with_a_moving_threshold_equals_an_undisturbed_one(moving, cache, tmp_path):
    _, spec, results = moving
    bring_parent(spec, results, tmp_path)
    settings = settings_for(tmp_path, cache)
    outcomes = []
    for epoch in (1, 2):
        paths = ResultsPaths(tmp_path).trial(spec.trial_id)
        done = paths.attempt(epoch).checkpoints / f"epoch-{epoch:06d}.pt"
        outcomes.append(run_trial(spec, settings, done.exists))
    outcomes.append(run_trial(spec, settings, lambda: False))

    assert outcomes == ["stopped", "stopped", "finished"]
    assert_same_trial(
        ResultsPaths(tmp_path).trial(spec.trial_id), ResultsPaths(results).trial(spec.trial_id)
    )


@pytest.mark.slow
def test_histogram_epochs_of_a_suite_are_kept_too(cache, tmp_path, whole):
    spec = tiny_specs(cache, epochs=3)[1]
    bring_parent(spec, whole, tmp_path)
    run_trial(spec, replace(settings_for(tmp_path, cache), histogram_epochs=(2,)), lambda: False)

    table = rows(ResultsPaths(tmp_path).trial(spec.trial_id), "histograms.parquet")
    assert {row["epoch"] for row in table} == {0, 2, 3}
