"""Records as tables."""

import json
import math

import pytest

from tests.record_builders import (
    BY_EPOCH,
    SHORT,
    as_recorded,
    make_probe,
    tables_of,
    write_grid,
    write_probe,
    write_trial,
)
from ttq_bench.analysis.accuracy_rows import STRATEGY_PARTS
from ttq_bench.analysis.tables import first_middle_last
from ttq_bench.errors import ResultsError
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.probes import publish_probe
from ttq_bench.ternary.strategies import DeltaStrategy

EQUAL = {"layer1.conv1": (1.0, 1.0)}


def test_every_record_gives_one_trial_and_its_epochs(tmp_path):
    write_grid(tmp_path)
    tables = tables_of(tmp_path)
    assert len(tables.trials) == 9
    assert len(tables.epochs) == 18
    assert set(tables.trials["arm"]) == {"full_precision", "full_precision_continued", "ttq"}


def test_final_scales_are_of_each_trials_own_last_epoch_and_of_finished_ones(tmp_path):
    write_trial(tmp_path, "a", seed=0, errors=(9.0,), scales=EQUAL)
    write_trial(tmp_path, "b", seed=1, errors=(9.0,) * 3, scales=EQUAL)
    write_trial(tmp_path, "c", seed=2, errors=(9.0,) * 5, scales=EQUAL, outcome="diverged")
    final = tables_of(tmp_path).final_scales
    assert dict(zip(final["trial_id"], final["epoch"], strict=True)) == {"a": 1, "b": 3}
    assert list(final["seed"]) == [0, 1]
    assert set(final["model"]) == {SHORT.model}


def test_the_scales_of_one_arm_are_a_part_of_all(tmp_path):
    write_grid(tmp_path)
    write_trial(tmp_path, "other", seed=0, errors=(9.0,), scales=EQUAL, method="ttq-ste")
    tables = tables_of(tmp_path)
    by_arm = {arm.arm: tables.final_scales_of(arm) for arm in tables.arms()}
    assert {name: len(rows) for name, rows in by_arm.items()} == {
        "full_precision": 0, "full_precision_continued": 0, "ttq": 6, "ttq-ste": 1,
    }  # fmt: skip


def test_arms_stand_in_the_order_of_the_table_of_methods_and_unknown_ones_last(tmp_path):
    write_trial(tmp_path, "fp", seed=0, errors=(9.0,))
    for method in ("twn", "a-method-of-tomorrow", "ttq", "bwn", "ttq-tied"):
        write_trial(
            tmp_path, method, seed=0, errors=(9.0,), parent="fp", scales=EQUAL, method=method
        )
    write_trial(tmp_path, "on", seed=0, errors=(9.0,), parent="fp")

    arms = [arm.arm for arm in tables_of(tmp_path).arms()]

    assert arms == [
        "full_precision", "full_precision_continued", "ttq", "ttq-tied", "twn", "bwn",
        "a-method-of-tomorrow",
    ]  # fmt: skip


def test_a_delta_strategy_has_a_column_for_each_of_its_fields(tmp_path):
    ramp = ("constant_sparsity", 0.5, 0.0, 3.0)
    more = {"conversion": {"keep_last": False, "granularity": "channel"}}
    write_trial(tmp_path, "a", seed=0, errors=(9.0,), scales=EQUAL, strategy=BY_EPOCH)
    write_trial(tmp_path, "b", seed=0, errors=(9.0,), scales=EQUAL, strategy=ramp, **more)
    write_trial(tmp_path, "c", seed=0, errors=(9.0,))
    tables = tables_of(tmp_path)
    rows = tables.trials.set_index("trial_id")[["strategy", *STRATEGY_PARTS]]
    found = rows.astype(object).where(rows.notna(), None)
    assert found.apply(tuple, axis=1).to_dict() == {
        "a": (
            "max_fraction(0.05, by epoch)", "max_fraction(0.05, by epoch)", "", "published",
            "max_fraction", 0.05, None, 0.0, "epoch",
        ),
        "b": (
            "constant_sparsity(0 to 0.5 in 3 epochs), by channel, last layer too",
            "constant_sparsity(0 to 0.5 in 3 epochs)", "by channel, last layer too", "channel",
            "constant_sparsity", 0.5, 0.0, 3.0, "step",
        ),
        "c": ("", "", "", "published", None, None, None, None, None),
    }  # fmt: skip
    assert {(arm.arm, arm.delta) for arm in tables.arms()} == {
        ("full_precision", None),
        ("ttq", DeltaStrategy("max_fraction", 0.05, update="epoch")),
        ("ttq", DeltaStrategy(*ramp)),
    }


def histogram(epoch, counts):
    return [
        {
            "epoch": epoch, "layer_index": 0, "layer": "layer1.conv1", "reach": 0.5,
            "bins": len(counts), "bin": index, "count": count,
        }
        for index, count in enumerate(counts)
    ]  # fmt: skip


def test_histograms_are_read_where_records_have_them(tmp_path):
    rows = histogram(0, [3, 7]) + histogram(2, [4, 6])
    write_trial(tmp_path, "a", seed=0, errors=(9.0, 9.0), scales=EQUAL, histograms=rows)
    write_trial(tmp_path, "old", seed=1, errors=(9.0, 9.0), scales=EQUAL)
    found = tables_of(tmp_path).histograms
    assert list(found["trial_id"]) == ["a"] * 4
    assert found.drop(columns="trial_id").to_dict("records") == rows


def test_probes_are_those_of_trials_that_have_a_record(tmp_path):
    write_grid(tmp_path, seeds=1)
    for name in ("ttq-0", "gone-0"):
        write_probe(tmp_path, name, control=20.0, together=20.5)
    (probe,) = tables_of(tmp_path).probes
    assert probe.trial_id == "ttq-0"
    assert probe.all_symmetrised_error_percent == 20.5


def test_a_damaged_probe_is_refused(tmp_path):
    write_grid(tmp_path, seeds=1)
    write_probe(tmp_path, "ttq-0", control=20.0, together=20.5)
    path = tmp_path / "probes" / "ttq-0.json"
    path.write_text(json.dumps({"trial_id": "ttq-0"}))
    with pytest.raises(ResultsError, match="not a probe"):
        tables_of(tmp_path)


@pytest.mark.parametrize("difference", [0.31, -0.31, math.nan])
def test_a_probe_of_other_weights_than_those_of_the_record_is_refused(tmp_path, difference):
    write_grid(tmp_path, seeds=1)
    probe = as_recorded(tmp_path, make_probe("ttq-0"))
    error = probe.as_trained_error_percent
    change = {"as_trained_error_percent": error + difference}
    publish_probe(ResultsPaths(tmp_path), probe.model_copy(update=change))
    with pytest.raises(ResultsError, match=r"not a probe of its record's weights|not a probe"):
        tables_of(tmp_path)
    change = {"as_trained_error_percent": error + 0.29}
    publish_probe(ResultsPaths(tmp_path), probe.model_copy(update=change))
    assert len(tables_of(tmp_path).probes) == 1


def test_an_empty_folder_gives_empty_tables(tmp_path):
    tables = tables_of(tmp_path)
    assert tables.trials.empty
    assert tables.histograms.empty
    assert tables.probes == []
    assert tables.final_scales.empty


def test_a_table_that_changed_on_disk_is_refused(tmp_path):
    write_grid(tmp_path, seeds=1)
    path = tmp_path / "trials" / "fp-0" / "epochs.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ResultsError, match="does not agree with SHA256SUMS"):
        tables_of(tmp_path)


@pytest.mark.parametrize(
    ("layers", "shown"), [([4], [4]), ([2, 1], [1, 2]), ([5, 0, 3, 1, 3], [0, 3, 5])]
)
def test_the_layers_of_figures_are_the_first_a_middle_and_the_last(layers, shown):
    assert first_middle_last(layers) == shown


def test_histograms_are_those_of_the_layers_of_figures(tmp_path):
    rows = [
        {
            "epoch": 0, "layer_index": index, "layer": f"l{index}", "reach": 0.5, "bins": 1,
            "bin": 0, "count": 1,
        }
        for index in range(5)
    ]  # fmt: skip
    write_trial(tmp_path, "a", seed=0, errors=(9.0,), scales=EQUAL, histograms=rows)
    assert list(tables_of(tmp_path).histograms["layer"]) == ["l0", "l2", "l4"]
