import pytest

from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.schema import EPOCH_COLUMNS, SCALE_COLUMNS, TrialRecord


@pytest.fixture
def results(tmp_path):
    return ResultsPaths(tmp_path / "results")


@pytest.fixture
def paths(results):
    return results.trial("cifar10-resnet20-ttq-s0-0123456789ab")


@pytest.fixture
def record(paths):
    return make_record(paths.trial_id)


@pytest.fixture
def epochs():
    return make_epochs([30.0, 20.0, 10.0])


@pytest.fixture
def scales():
    return [dict.fromkeys(SCALE_COLUMNS, 1.0) | {"layer": "conv1", "feeds_batch_norm": True}]


def make_record(trial_id, **changes):
    fields = {
        "schema_version": 1, "trial_id": trial_id, "outcome": "finished", "spec": {"seed": 0},
        "errors": None, "sparsity": None, "parameter_count": 7, "epochs_done": 3,
        "training_seconds": 1.5, "run": {"device": "cpu"}, "provenance": {}, "table_sha256": {},
    }  # fmt: skip
    return TrialRecord(**fields | changes)


def make_epochs(errors):
    rows = []
    for number, error in enumerate(errors, start=1):
        row = dict.fromkeys(EPOCH_COLUMNS, 0.5)
        rows.append(row | {"epoch": number, "test_error_percent": error})
    return rows
