"""ImageNet's path on a tiny folder of real JPEG files: trained, recorded, resumed, reported."""

import pytest

from tests.data.photographs import CLASSES, write_imagenet
from tests.trial.same_trial import assert_same_trial, rows
from ttq_bench.analysis.tables import load_tables
from ttq_bench.data.identity import identify
from ttq_bench.data.sources import find_source
from ttq_bench.data.streaming.imagenet import class_list_sha256
from ttq_bench.records.attempts.progress import read_progress
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.schema import EPOCH_COLUMNS, TOP5_COLUMNS
from ttq_bench.records.store import read_record
from ttq_bench.suite.grid import expand
from ttq_bench.suite.reading import parse_suite
from ttq_bench.trial.run import run_trial
from ttq_bench.trial.settings import RunSettings

pytestmark = pytest.mark.slow

RECIPE = {
    "epochs": 2, "batch_size": 6, "learning_rate": 0.01, "augmentation": "resized_crop_flip",
    "precision": "fp32",
}  # fmt: skip
SIX = (*CLASSES, "n01491361", "n01494475", "n01496331")
DOCUMENT = {
    "name": "tiny", "title": "Tiny", "protocol": "test", "datasets": ["imagenet"],
    "models": ["resnet18"], "methods": ["ttq"], "delta_strategies": [{"max_fraction": 0.05}],
    "seeds": [0], "start": "scratch",
    "training": {"full_precision": RECIPE, "fine_tuned": RECIPE},
}  # fmt: skip


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return write_imagenet(tmp_path_factory.mktemp("imagenet"), 3, 1, SIX)


@pytest.fixture(scope="module")
def spec(images, tmp_path_factory):
    identity = identify(find_source("imagenet", images), tmp_path_factory.mktemp("cache"))
    (spec,) = expand(parse_suite(DOCUMENT, "", "tiny"), {"imagenet": identity}, "tiny")
    return spec


def trained(spec, images, results, stop=lambda: False):
    settings = RunSettings(results, images, results.parent / "cache", "cpu")
    return run_trial(spec, settings, stop)


@pytest.fixture(scope="module")
def whole(spec, images, tmp_path_factory):
    results = tmp_path_factory.mktemp("whole") / "results"
    assert trained(spec, images, results) == "finished"
    return results


def test_a_trial_from_scratch_is_recorded_with_top5_errors_and_its_classes(spec, whole):
    paths = ResultsPaths(whole).trial(spec.trial_id)
    record, table = read_record(paths.record), rows(paths, "epochs.parquet")
    assert spec.trial_id.startswith("imagenet-6classes-resnet18-ttq-max_fraction0.05-s0-")
    assert (spec.parent, record.start, record.outcome) == (None, None, "finished")
    assert tuple(table[0]) == EPOCH_COLUMNS + TOP5_COLUMNS
    assert record.errors.final_top5_percent == table[-1]["test_top5_error_percent"]
    assert all(
        0 <= row[f"{split}_top5_error_percent"] <= row[f"{split}_error_percent"]
        for row in table
        for split in ("validation", "test")
    )
    assert record.run["class_list_sha256"] == class_list_sha256(SIX)


def test_a_report_reads_it_as_any_other(spec, whole):
    tables = load_tables(ResultsPaths(whole))
    (row,) = tables.trials.to_dict("records")
    assert row["dataset"] == "imagenet-6classes"
    assert row["final_top5_error_percent"] <= row["final_error_percent"]
    assert set(TOP5_COLUMNS) <= set(tables.epochs.columns)


def test_a_trial_stopped_after_an_epoch_equals_an_undisturbed_one(spec, images, whole, tmp_path):
    paths = ResultsPaths(tmp_path / "results").trial(spec.trial_id)
    stop = lambda: bool((p := read_progress(paths)) and p.epoch)  # noqa: E731
    assert trained(spec, images, tmp_path / "results", stop) == "stopped"
    assert trained(spec, images, tmp_path / "results") == "finished"
    assert_same_trial(paths, ResultsPaths(whole).trial(spec.trial_id))
