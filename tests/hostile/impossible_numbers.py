"""Finite numbers that no training gives, by name: what puts one into a record, and what is said."""

from tests.hostile.results_folders import set_column, with_probe, with_record, with_table

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
    "a log ratio of 10^38 of a layer": (
        with_probe(lambda p: p["symmetrised"][0].update(rho=1e38)),
        "not a probe .an error, a ratio",
    ),
}
