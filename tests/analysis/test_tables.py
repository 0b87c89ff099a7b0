"""Records as tables."""

import pytest

from tests.written_records import write_grid
from ttq_bench.analysis.paper import printed_error
from ttq_bench.analysis.tables import load_tables
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
    assert printed_error("cifar10", "paper", "resnet20", "ttq") == 8.87
    assert printed_error("cifar10-jpeg", "paper", "resnet20", "ttq") is None
    assert printed_error("cifar10", "short", "resnet20", "ttq") is None
    assert printed_error("cifar10", "paper", "resnet20", "full_precision_continued") is None
