"""How far fine-tunes of one parent differ, as the summary says it."""

from tests.record_builders import tables_of, write_arm, write_parents
from ttq_bench.report.sections.experiments import fine_tune_spread


def test_the_spread_is_told_with_the_number_of_parents_and_fine_tunes(tmp_path):
    write_parents(tmp_path, 2)
    write_arm(tmp_path, "ttq", [20.0, 22.0])
    assert list(fine_tune_spread(tables_of(tmp_path))) == []

    write_arm(tmp_path, "ttq", [20.2, 22.2], tag="-again", repeat=1)
    text, _ = fine_tune_spread(tables_of(tmp_path))

    assert "by 1.41 points between parents and by 0.14 between fine-tunes" in text
    assert "2 parents, 2 fine-tunes of each" in text
