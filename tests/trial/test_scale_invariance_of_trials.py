"""Trials of networks with batch normalisation: the gauge from the steps to the record."""

import shutil

import pytest

from tests.data.builders import write_random_splits
from tests.tiny_suite import settings_for, tiny_document
from tests.trial.same_trial import assert_same_trial, rows
from ttq_bench.data.identity import identify
from ttq_bench.data.sources import find_source
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.store import read_record
from ttq_bench.suite.grid import expand
from ttq_bench.suite.reading import parse_suite
from ttq_bench.trial.run import run_trial

pytestmark = pytest.mark.slow

METHODS = ("full_precision", "ttq", "ttq-as-printed")


def specs_of(data, cache, optimizer):
    """Return the trials of a ResNet whose children are trained under an optimiser."""
    document = tiny_document(methods=METHODS, models=["resnet20"], datasets=["cifar10"])
    document["delta_strategies"] = [{"max_fraction": 0.05}]
    document["conversion"] = {"initial_scales": "ones"}
    rate = 0.003 if optimizer == "sgd" else 0.001
    changes = {"optimizer": optimizer, "learning_rate": rate, "batch_size": 8}
    document["training"]["fine_tuned"] = document["training"]["fine_tuned"] | changes
    identity = identify(find_source("cifar10", data), cache)
    specs = [
        spec.model_copy(update={"validation_count": 16})
        for spec in expand(parse_suite(document, "", "t"), {"cifar10": identity}, "t")
    ]
    parent = specs[0].trial_id
    return [s.model_copy(update={"parent": parent}) if s.parent else s for s in specs]


def train(spec, root, cache):
    assert run_trial(spec, settings_for(root / "results", cache), lambda: False) == "finished"


@pytest.fixture(scope="module")
def parent(tmp_path_factory, cache):
    """A few random images, and the parent, which no optimiser of its children changes."""
    root = tmp_path_factory.mktemp("parent")
    write_random_splits(root / "data", train=80, test=20)
    train(specs_of(root / "data", cache, "sgd")[0], root, cache)
    return root


@pytest.fixture(scope="module", params=["sgd", "adam"])
def gauged(request, parent, tmp_path_factory, cache):
    """Two epochs of the children under each optimiser; trials by arm."""
    root = tmp_path_factory.mktemp("gauged") / "gauged"
    shutil.copytree(parent, root)
    specs = specs_of(root / "data", cache, request.param)
    for spec in specs[1:]:
        train(spec, root, cache)
    return request.param, {spec.arm: spec for spec in specs}, root / "results"


def record_of(gauged, arm):
    _, specs, results = gauged
    return read_record(ResultsPaths(results).trial(specs[arm].trial_id).record)


def test_the_record_of_a_trial_holds_the_gauge_of_every_fed_layer(gauged):
    gauge = record_of(gauged, "ttq").gauge

    assert gauge.layers == 18
    assert gauge.largest_residue < 0.02
    assert gauge.size == {"sgd": "W_p^2 + W_n^2", "adam": "W_p + W_n"}[gauged[0]]
    assert gauge.predicted_factor == 1.0
    assert 0.9 < gauge.ratio_low <= gauge.ratio_high < 1.1
    assert not [alarm for alarm in record_of(gauged, "ttq").alarms if "scale" in alarm.what]


def test_full_precision_has_none_and_the_printed_sign_no_prediction(gauged):
    assert record_of(gauged, "full_precision").gauge is None
    gauge = record_of(gauged, "ttq-as-printed").gauge
    assert (gauge.predicted_factor, gauge.ratio_low) == (None, None)
    assert gauge.largest_residue < 0.02


def test_the_table_has_a_residue_for_each_epoch_but_the_start(gauged):
    _, specs, results = gauged
    table = rows(ResultsPaths(results).trial(specs["ttq"].trial_id), "scales.parquet")

    assert {row["gauge_residue"] is None for row in table if row["epoch"] == 0} == {True}
    assert all(0 <= row["gauge_residue"] < 0.02 for row in table if row["epoch"])
    assert all(row["scale_path"] > 0 for row in table if row["epoch"])


def test_a_resumed_trial_has_the_same_gauge(gauged, cache, tmp_path):
    _, specs, results = gauged
    spec, root = specs["ttq"], tmp_path / "again"
    shutil.copytree(results.parent / "data", root / "data")
    shutil.copytree(
        ResultsPaths(results).trial(spec.parent).work,
        ResultsPaths(root / "results").trial(spec.parent).work,
    )
    paths = ResultsPaths(root / "results").trial(spec.trial_id)
    settings = settings_for(root / "results", cache)
    first = paths.attempt(1).checkpoints / "epoch-000001.pt"

    assert run_trial(spec, settings, first.exists) == "stopped"
    assert run_trial(spec, settings, lambda: False) == "finished"
    assert_same_trial(paths, ResultsPaths(results).trial(spec.trial_id))
    assert read_record(paths.record).gauge == record_of(gauged, "ttq").gauge
