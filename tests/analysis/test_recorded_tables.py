"""Many tables read as one have the rows of each."""

import numpy as np
import pandas as pd
import pytest

from tests.record_builders import write_trial
from ttq_bench.analysis import recorded_tables
from ttq_bench.analysis.recorded_tables import checked_table, joined_tables
from ttq_bench.errors import ResultsError
from ttq_bench.records.paths import ResultsPaths

NAMES = ("a", "b", "c")


def write(root, changes_of_c=None):
    """Publish three trials, whose layers have names of their own."""
    for seed, name in enumerate(NAMES):
        more = {"changes": lambda *_: changes_of_c} if name == "c" and changes_of_c else {}
        write_trial(
            root, name, seed=seed, errors=(9.0,) * (seed + 1), **more,
            scales={f"{name}.conv1": (1.5, 1.0), "shared": (1.0, 1.0)},
        )  # fmt: skip
    return ResultsPaths(root)


@pytest.mark.parametrize("at_once", [1, 2, 500])
@pytest.mark.parametrize("table", ["epochs.parquet", "scales.parquet"])
def test_a_table_of_many_records_holds_the_rows_of_each(tmp_path, monkeypatch, at_once, table):
    monkeypatch.setattr(recorded_tables, "TRIALS_AT_ONCE", at_once)
    results = write(tmp_path)
    joined = joined_tables(results, NAMES, table)
    assert list(joined["trial_id"].unique()) == list(NAMES)
    for name in NAMES:
        mine = joined[joined["trial_id"] == name].drop(columns="trial_id").reset_index(drop=True)
        alone = checked_table(results.trial(name), table)
        pd.testing.assert_frame_equal(mine, alone, check_categorical=False)


def test_an_older_record_has_no_value_in_the_columns_that_it_lacks(tmp_path):
    for seed, (name, flips) in enumerate((("a", None), ("b", 7))):
        write_trial(
            tmp_path, name, seed=seed, errors=(9.0,), scales={"x": (1.0, 1.0)},
            changes=lambda *_, flips=flips: {"code_flips": flips},
        )  # fmt: skip
    joined = joined_tables(ResultsPaths(tmp_path), ["a", "b"], "scales.parquet")
    assert joined.loc[joined["trial_id"] == "a", "code_flips"].isna().all()
    assert set(joined.loc[joined["trial_id"] == "b", "code_flips"]) == {7}


def test_rows_that_are_not_kept_are_gone(tmp_path):
    joined = joined_tables(write(tmp_path), NAMES, "scales.parquet", lambda layers: layers == 1)
    assert set(joined["layer"]) == {"shared"}
    assert np.all(joined["layer_index"] == 1)


def test_an_impossible_value_is_refused_with_its_file_even_in_a_row_that_is_not_kept(tmp_path):
    results = write(tmp_path, {"positive_share": 2.0})
    with pytest.raises(ResultsError, match=r"trials/c/scales.parquet: .*'positive_share'"):
        joined_tables(results, NAMES, "scales.parquet", lambda layers: layers < 0)


def test_no_record_gives_no_rows(tmp_path):
    assert joined_tables(ResultsPaths(tmp_path), [], "scales.parquet").empty
