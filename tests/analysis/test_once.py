"""A measure is taken once of the same tables, and anew of others."""

from tests.record_builders import SHORT, tables_of, write_grid
from ttq_bench.analysis.gains import TTQ
from ttq_bench.analysis.measured import finished
from ttq_bench.analysis.once import once


def test_a_measure_is_taken_once_of_the_same_tables_and_names(tmp_path):
    write_grid(tmp_path)
    asked = []

    @once
    def seeds(tables, network, select=None):
        asked.append((network, select))
        return len(finished(tables, network, select))

    tables = tables_of(tmp_path)
    assert seeds(tables, SHORT, TTQ) == seeds(tables, SHORT, TTQ) == 3
    assert seeds(tables, SHORT) > 3
    assert asked == [(SHORT, TTQ), (SHORT, None)]


def test_other_tables_are_measured_anew(tmp_path):
    write_grid(tmp_path / "few", seeds=2)
    write_grid(tmp_path / "more", seeds=3)
    counts = [len(finished(tables_of(tmp_path / name), SHORT, TTQ)) for name in ("few", "more")]
    assert counts == [2, 3]
