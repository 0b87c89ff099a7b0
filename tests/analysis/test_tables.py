"""Records as tables."""

from dataclasses import replace

import pytest

from tests.written_records import write_grid
from ttq_bench.analysis.paper import printed_error
from ttq_bench.analysis.tables import Arm, load_tables
from ttq_bench.errors import ResultsError
from ttq_bench.records.paths import ResultsPaths


def test_every_record_gives_one_trial_and_its_epochs(tmp_path):
    write_grid(tmp_path)
    tables = load_tables(ResultsPaths(tmp_path))
    assert len(tables.trials) == 9
    assert len(tables.epochs) == 18
    assert set(tables.trials["arm"]) == {"full_precision", "full_precision_continued", "ttq"}


def test_final_scales_are_those_of_the_last_epoch(tmp_path):
    write_grid(tmp_path)
    final = load_tables(ResultsPaths(tmp_path)).final_scales()
    assert set(final["epoch"]) == {2}
    assert len(final) == 6


def test_an_empty_folder_gives_empty_tables(tmp_path):
    tables = load_tables(ResultsPaths(tmp_path))
    assert tables.trials.empty
    assert tables.final_scales().empty


def test_a_table_that_changed_on_disk_is_refused(tmp_path):
    write_grid(tmp_path, seeds=1)
    path = tmp_path / "trials" / "fp-0" / "epochs.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ResultsError, match="changed since it was recorded"):
        load_tables(ResultsPaths(tmp_path))


def test_the_papers_figure_stands_only_beside_the_same_experiment():
    arm = Arm(
        dataset="cifar10", protocol="paper", model="resnet20", arm="ttq",
        strategy="max_fraction(0.05)", recipe="0", epochs="1", diverged=0,
    )  # fmt: skip
    assert printed_error(arm) == 8.87
    assert printed_error(replace(arm, dataset="cifar10-jpeg")) is None
    assert printed_error(replace(arm, protocol="short")) is None
    assert printed_error(replace(arm, strategy="constant_sparsity(0.5)")) is None
    assert printed_error(replace(arm, arm="full_precision_continued", strategy="")) is None
    assert printed_error(replace(arm, arm="full_precision", strategy="")) == 8.23
