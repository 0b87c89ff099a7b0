import json
import math
import shutil

import pytest

from tests.record_builders import publish_record, seal_anew, write_trial
from ttq_bench.records.consistency import record_differences
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.schema import TABLES, Alarm
from ttq_bench.records.store import read_record, read_table

LAYERS = {"conv1": (1.2, 1.0), "conv2": (0.9, 1.1)}
RECORD, EPOCHS, SCALES = (
    f"trials/ttq-0/{name}" for name in ("record.json", "epochs.parquet", "scales.parquet")
)


@pytest.fixture
def paths(tmp_path):
    write_trial(tmp_path, "ttq-0", seed=0, errors=(30.0, 20.0), scales=LAYERS)
    return ResultsPaths(tmp_path).trial("ttq-0")


def found(paths, **options):
    """Return the differences as file, place and the rest."""
    differences = record_differences(paths, read_record(paths.record), **options)
    return [(difference.file, difference.place, difference.what) for difference in differences]


def rewrite(paths, change_rows=None, **record_changes):
    """Publish the record anew: ``change_rows`` gets the rows of each table by its name."""
    import io

    import pyarrow.parquet

    record = read_record(paths.record)
    tables = {}
    for name in record.table_sha256:
        content = io.BytesIO(read_table(paths, name))
        rows = pyarrow.parquet.read_table(content).to_pylist()
        tables[name] = [dict.fromkeys(TABLES[name]) | row for row in rows]
    if change_rows:
        change_rows(tables)
    shutil.rmtree(paths.folder)
    assert publish_record(paths, record.model_copy(update=record_changes), tables)


def rewrite_json(paths, change):
    content = json.loads(paths.record.read_text())
    change(content)
    paths.record.write_text(json.dumps(content))
    seal_anew(paths.folder)


def stands(found, expected):
    return f"{found!r} stands there, the records give {expected!r}"


def test_a_record_as_it_was_written_agrees(paths):
    assert found(paths) == []


def test_a_full_precision_record_agrees(tmp_path):
    write_trial(tmp_path, "fp-0", seed=0, errors=(30.0, 20.0))
    assert found(ResultsPaths(tmp_path).trial("fp-0")) == []


@pytest.mark.parametrize("errors", [(), (50.0, 60.0)], ids=["at once", "later"])
def test_a_diverged_record_agrees(tmp_path, errors):
    write_trial(tmp_path, "ttq-0", seed=0, errors=errors, scales=LAYERS, outcome="diverged")
    paths = ResultsPaths(tmp_path).trial("ttq-0")
    rewrite_json(paths, lambda record: record.update(training_seconds=30.0 * len(errors)))
    assert found(paths) == []


def test_a_diverged_record_has_no_errors(paths):
    rewrite(paths, outcome="diverged")
    assert {place for _, place, _ in found(paths)} == {
        f"errors.{name}" for name in read_record(paths.record).errors.model_dump(exclude_none=True)
    }


@pytest.mark.parametrize(
    ("field", "wrong", "right"),
    [
        ("epochs_done", 3, 2),
        ("training_seconds", 61.0, 60.0),
        ("sparsity", 0.26, 0.25),
        ("sparsity", None, 0.25),
    ],
)
def test_a_number_that_the_tables_do_not_give_is_named(paths, field, wrong, right):
    rewrite_json(paths, lambda record: record.update({field: wrong}))
    expected = (RECORD, field, stands(wrong, right))
    assert expected in found(paths)
    assert {place for _, place, _ in found(paths)} == {field}


@pytest.mark.parametrize(
    ("field", "right"),
    [
        ("final_percent", 20.0), ("at_best_validation_percent", 20.0),
        ("best_validation_epoch", 2), ("moving_average_percent", 25.0),
        ("moving_average_epochs", 2), ("minimum_over_test_percent", 20.0),
        ("final_validation_percent", 20.0),
    ],
)  # fmt: skip
def test_a_changed_error_is_named(paths, field, right):
    rewrite_json(paths, lambda record: record["errors"].update({field: right + 1}))
    assert found(paths) == [(RECORD, f"errors.{field}", stands(right + 1, right))]


def test_missing_errors_are_named(paths):
    rewrite_json(paths, lambda record: record.update(errors=None))
    assert (RECORD, "errors.final_percent", stands(None, 20.0)) in found(paths)


def test_epochs_short_of_the_recipe_are_named(paths):
    rewrite_json(paths, lambda record: record["spec"]["recipe"].update(epochs=5))
    assert found(paths) == [(RECORD, "epochs_done", stands(2, 5))]


def test_sparsity_weighs_layers_by_their_weights(paths):
    def change(tables):
        for row in tables["scales.parquet"]:
            if row["layer"] == "conv2":
                row.update(weight_count=30, zero_share=0.5, positive_share=0.15)

    rewrite(paths, change)
    expected = (10 * 0.25 + 30 * 0.5) / 40
    assert found(paths) == [(RECORD, "sparsity", stands(0.25, expected))]
    rewrite_json(paths, lambda record: record.update(sparsity=expected))
    assert found(paths) == []


def test_a_rho_that_is_not_the_ratio_of_its_scales_is_named(paths):
    rewrite(paths, lambda tables: tables["scales.parquet"][3].update(rho=0.5))
    place = "epoch 1, layer conv2, rho"
    assert found(paths) == [(SCALES, place, stands(0.5, math.log(0.9 / 1.1)))]
    assert found(paths, per_channel=True) == []


def test_a_rho_is_undefined_where_a_scale_is_not_positive(paths):
    rewrite(paths, lambda tables: tables["scales.parquet"][3].update(positive_scale=-0.9))
    file, place, what = found(paths)[0]
    assert (file, place) == (SCALES, "epoch 1, layer conv2, rho")
    assert what.endswith("the records give nan")
    told = (Alarm(what="scale that is not positive", layer="conv2", epoch=1),)
    rewrite(paths, lambda tables: tables["scales.parquet"][3].update(rho=math.nan), alarms=told)
    assert found(paths) == []


@pytest.mark.parametrize("scale", [0.0, -0.9])
def test_a_scale_that_is_not_positive_is_named_where_no_alarm_tells_of_it(paths, scale):
    changes = {"negative_scale": scale, "rho": math.nan}
    rewrite(paths, lambda tables: tables["scales.parquet"][3].update(changes))
    place = "epoch 1, layer conv2, smallest scale"
    assert found(paths) == [(SCALES, place, stands(scale, "one above zero, or an alarm"))]
    rewrite(paths, schema_version=1)  # records of then have no alarms
    assert found(paths) == []


@pytest.mark.parametrize("epochs", ["2", 10**400, [2], None])
def test_epochs_of_a_spec_that_are_no_number_are_named(paths, epochs):
    rewrite_json(paths, lambda record: record["spec"]["recipe"].update(epochs=epochs))
    assert [(file, place) for file, place, _ in found(paths)] == [(RECORD, "epochs_done")]


def test_shares_that_do_not_add_up_to_one_are_named(paths):
    rewrite(paths, lambda tables: tables["scales.parquet"][0].update(positive_share=0.5))
    ((file, place, _),) = found(paths)
    assert (file, place) == (SCALES, "epoch 0, layer conv1, sum of shares")


def test_epochs_out_of_order_are_named(paths):
    rewrite(paths, lambda tables: tables["epochs.parquet"][0].update(epoch=2))
    assert (EPOCHS, "row 1, epoch", stands(2, 1)) in found(paths)


def test_scales_that_end_before_the_last_epoch_are_named(paths):
    rewrite(paths, lambda tables: tables["scales.parquet"].__delitem__(slice(4, None)))
    assert found(paths) == [(SCALES, "last epoch", stands(1, 2))]


@pytest.mark.parametrize("name", ["epochs.parquet", "scales.parquet"])
def test_a_flipped_byte_in_a_table_is_named_and_nothing_else(paths, name):
    table = paths.folder / name
    content = bytearray(table.read_bytes())
    content[len(content) // 2] ^= 1
    table.write_bytes(content)
    ((file, place, what),) = found(paths)
    assert (file, place) == (f"trials/ttq-0/{name}", "")
    assert what.startswith("does not agree with SHA256SUMS")


def test_a_missing_table_is_named(paths):
    (paths.folder / "scales.parquet").unlink()
    ((file, place, what),) = found(paths)
    assert (file, place) == (SCALES, "")
    assert what.startswith("cannot be read (No such file")


def test_a_file_that_the_record_does_not_know_is_named(paths):
    (paths.folder / "notes.txt").write_text("x")
    assert found(paths) == [("trials/ttq-0/notes.txt", "", "should not be there")]
