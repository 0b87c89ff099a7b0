"""A trial's history: plain values in a checkpoint, typed entries in a run, alarms of a record."""

import math

import pytest
import torch

from tests.tiny_suite import settings_for, tiny_specs
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.schema import SCALE_COLUMNS
from ttq_bench.training.checkpoints import load_state, save_state
from ttq_bench.trial.history import (
    HistoryEntry,
    alarms,
    epoch_rows,
    from_plain,
    histogram_rows,
    scale_rows,
    to_plain,
)
from ttq_bench.trial.run import run_trial

# As the first version with checkpoints wrote it: layers say less, epochs not whether steps were a
# CUDA graph.
ROW = {
    "epoch": 1, "learning_rate": 0.1, "train_loss": 2.0, "validation_error_percent": 50.0,
    "validation_loss": 1.0, "test_error_percent": 40.0, "test_loss": 1.5, "epoch_seconds": 3.0,
}  # fmt: skip
LAYER = {"layer_index": 0, "layer": "conv2", "weight_count": 9, "rho": math.nan}
OLD = [
    {"epoch": 0, "layers": [LAYER],
     "histograms": [{"layer": "conv2", "reach": 0.5, "counts": [4, 5]}],
     "start": {"weights_sha256": "ab", "test_error_percent": 9.5}},
    {"epoch": 0, "layers": [], "attempt": {"attempt": 1, "anew": False}},
    {"epoch": 1, "layers": [LAYER], "row": ROW},
]  # fmt: skip


def saved_and_loaded(history, path):
    """Return what a checkpoint gives back, read as a trial reads it."""
    save_state(path, {"history": history})
    return load_state(path)["history"]


def test_a_history_of_older_code_gives_all_tables_and_is_written_again_as_it_was(tmp_path):
    plain = saved_and_loaded(OLD, tmp_path / "state.pt")
    history = from_plain(plain, epochs=1)

    assert epoch_rows(history) == [ROW]
    assert [tuple(row) for row in scale_rows(history)] == [SCALE_COLUMNS] * 2
    assert [row["count"] for row in histogram_rows(history)] == [4, 5]
    assert history[0].start.test_error_percent == 9.5
    assert repr(to_plain(history)) == repr(OLD)


def changed(index, **fields):
    return [{**entry, **fields} if place == index else entry for place, entry in enumerate(OLD)]


@pytest.mark.parametrize(
    "plain",
    [
        "word",
        ["word"],
        OLD[:2],  # of no whole epoch
        [*OLD, *OLD],
        [{"epoch": 0}],
        changed(2, epoch="one"),
        changed(2, row=ROW | {"test_error_percent": "few"}),
        changed(2, row={"epoch": 1}),
        changed(2, layers=[{"layer": "conv2", "alarms": 3}]),
        changed(2, layers=[LAYER | {"rho": "large"}]),
        changed(0, histograms=[{"layer": "conv2", "reach": 0.5}]),
        changed(0, start={"weights_sha256": "ab"}),
    ],
    ids=lambda plain: repr(plain)[-60:],
)
def test_a_history_that_gives_no_tables_is_refused(plain):
    with pytest.raises((ValueError, TypeError, KeyError)):
        from_plain(plain, epochs=1)


def test_a_checkpoint_holds_the_history_as_plain_values(cache, tmp_path):
    spec = tiny_specs(cache, epochs=2)[0]
    paths = ResultsPaths(tmp_path).trial(spec.trial_id)
    first = paths.attempt(1).checkpoints / "epoch-000001.pt"
    assert run_trial(spec, settings_for(tmp_path, cache), first.exists) == "stopped"

    plain = load_state(first)["history"]

    assert [set(entry) for entry in plain] == [
        {"epoch", "layers", "histograms", "start"},
        {"epoch", "layers", "attempt"},
        {"epoch", "layers", "row", "graphed", "histograms"},
    ]
    assert plain[1]["attempt"]["torch"] == torch.__version__.partition("+")[0]


def entry(epoch, *layers):
    return HistoryEntry(epoch=epoch, layers=list(layers))


def test_each_alarm_of_a_layer_is_told_once_with_its_first_epoch():
    dead = {"layer": "a", "alarms": ["dead layer"]}
    broken = {"layer": "b", "alarms": [], "gauge_residue": 0.9}
    fine = {"layer": "c", "alarms": [], "gauge_residue": 0.01}

    first, second = alarms([entry(0, fine), entry(1, dead, broken), entry(2, dead, broken, fine)])

    assert [(alarm.layer, alarm.epoch) for alarm in (first, second)] == [("a", 1), ("b", 1)]
    assert "do not cancel" in second.what


def test_a_residue_that_is_not_a_number_is_an_alarm():
    (alarm,) = alarms([entry(1, {"layer": "a", "alarms": [], "gauge_residue": math.nan})])

    assert (alarm.layer, alarm.epoch) == ("a", 1)
