"""Finite numbers that no training gives, by name: what puts one into a record, and what is said."""

import math
from functools import partial

import pyarrow
from pyarrow import parquet

from tests.hostile.results_folders import set_column, trial, with_probe, with_record, with_table

MOVED = {"kind": "doubled", "draw": 0, "rms_change": 0.1, "test_error_percent": 20.0}
HEALING = {
    "epochs": 1, "learning_rate": 0.1, "as_trained_error_percent": 20.0,
    "equal_error_percent": 20.0,
}  # fmt: skip
EMPTIED = (
    ("scales", "positive_scale"), ("scales", "negative_scale"), ("scales", "zero_share"),
    ("scales", "weight_count"), ("histograms", "count"), ("epochs", "epoch_seconds"),
)  # fmt: skip


def emptied(column):
    def change(table):
        return set_column(column, pyarrow.nulls(len(table), table.schema.field(column).type))(table)

    return change


def with_histogram(change):
    """Add histograms of two layers to the record, changed by a function of an Arrow table."""
    layers = enumerate(("layer1.conv1", "layer1.conv2"))
    rows = [
        {"epoch": 2, "layer_index": index, "layer": layer, "reach": 1.0, "bins": 4, "bin": b,
         "count": 5}
        for index, layer in layers for b in range(4)
    ]  # fmt: skip

    def harm(room):
        parquet.write_table(pyarrow.Table.from_pylist(rows), trial(room) / "histograms.parquet")
        with_table("histograms.parquet", change)(room)

    return harm


def halves(column):
    def change(table):
        return set_column(column, pyarrow.array([n + 0.5 for n in range(len(table))]))(table)

    return change


def many_layers(table):
    row = table.slice(0, 1).to_pylist()[0]
    rows = [row | {"layer_index": n, "layer": f"layer{n}"} for n in range(10_000)]
    return pyarrow.Table.from_pylist(rows, schema=table.schema)


IMPOSSIBLE = {
    "an error of 10^308 percent": (
        with_record(lambda r: r["errors"].update(final_percent=1e308)),
        "between 0 and 100 %",
    ),
    "an error below zero": (
        with_record(lambda r: r["errors"].update(minimum_over_test_percent=-1.0)),
        "0 and 100 %",
    ),
    "10^308 seconds": (with_record(lambda r: r | {"training_seconds": 1e308}), "a time that"),
    "a sparsity of 2": (with_record(lambda r: r | {"sparsity": 2.0}), "a share"),
    "an error of 10^308 in a table": (
        with_table("epochs.parquet", set_column("test_error_percent", 1e308)),
        "'test_error_percent' that is not between 0 and 100",
    ),
    "a share of 2": (
        with_table("scales.parquet", set_column("zero_share", 2.0)),
        "not between 0 and 1",
    ),
    "a scale of 10^308": (
        with_table("scales.parquet", set_column("positive_scale", 1e308)),
        "'positive_scale' that",
    ),
    "a log ratio of 10^38": (
        with_table("scales.parquet", set_column("rho", 1e38)),
        "'rho' that is not between",
    ),
    "an epoch of 10^308": (
        with_table("scales.parquet", set_column("epoch", 1e308)),
        "'epoch' that is not between",
    ),
    "an error of 10^308 percent of a probe": (
        with_probe(lambda p: p.update(reestimated_error_percent=1e308)),
        "not a probe .an error",
    ),
    "an error of 10^308 percent of a layer": (
        with_probe(lambda p: p["symmetrised"][0].update(test_error_percent=1e308)),
        "not a probe .an error",
    ),
    "an error of 10^308 percent of moved scales": (
        with_probe(lambda p: p.update(moved=[MOVED | {"test_error_percent": 1e308}])),
        "not a probe .an error",
    ),
    "a change of 10^38 of moved scales": (
        with_probe(lambda p: p.update(moved=[MOVED | {"rms_change": 1e38}])),
        "not a probe .an error, a ratio",
    ),
    "an error of 10^308 percent after healing": (
        with_probe(lambda p: p.update(healing=HEALING | {"equal_error_percent": 1e308})),
        "not a probe .an error",
    ),
    "a log ratio of 10^38 of a layer": (
        with_probe(lambda p: p["symmetrised"][0].update(rho=1e38)),
        "not a probe .an error, a ratio",
    ),
    "epochs of 1.5": (
        with_table("epochs.parquet", halves("epoch")),
        "a number that has to be whole is not",
    ),
    "rows twice": (
        with_table("scales.parquet", lambda t: pyarrow.concat_tables([t, t])),
        "duplicate rows",
    ),
    "epochs twice": (
        with_table("epochs.parquet", lambda t: pyarrow.concat_tables([t, t])),
        "duplicate rows",
    ),
    "a layer without some of its epochs": (
        with_table("scales.parquet", lambda t: t.slice(1)),
        "a layer without some of its epochs",
    ),
    "layers of one name": (
        with_table("scales.parquet", set_column("layer", "same")),
        "two layers have the same name",
    ),
    "10,000 layers": (with_table("scales.parquet", many_layers), "10,000 layers, more than 1,000"),
    "errors that are no numbers": (
        with_table("epochs.parquet", set_column("test_error_percent", math.nan)),
        "'test_error_percent' has empty rows",
    ),
    "bins twice": (
        with_histogram(lambda t: pyarrow.concat_tables([t, t])),
        "duplicate rows",
    ),
    "a histogram without a bin": (
        with_histogram(lambda t: t.slice(1)),
        "without some of its bins",
    ),
    "an alarm of 10 million letters": (
        with_record(lambda r: r | {"alarms": [{"what": "a" * 10**7, "layer": None, "epoch": 1}]}),
        "not a record",
    ),
    "a commit of 10 million letters": (
        with_record(lambda r: r["provenance"].update(commit="a" * 10**7)),
        "not a record",
    ),
    **{
        f"no {column}": (
            (with_histogram if table == "histograms" else partial(with_table, f"{table}.parquet"))(
                emptied(column)
            ),
            f"{column!r} has empty rows",
        )
        for table, column in EMPTIED
    },
}
