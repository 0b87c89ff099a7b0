"""Repeated fine-tunes of one parent: no seeds of their own, but a spread of their own."""

import pytest

from tests.record_builders import SHORT, tables_of, write_arm, write_parents
from ttq_bench.analysis.gains import TTQ
from ttq_bench.analysis.measured import finished
from ttq_bench.analysis.repeats import fine_tune_split


@pytest.fixture
def root(tmp_path):
    """Three parents, each fine-tuned twice: parents differ by 2 points, fine-tunes by 0.2."""
    write_parents(tmp_path, 3)
    write_arm(tmp_path, "ttq", [20.0, 22.0, 24.0])
    write_arm(tmp_path, "ttq", [20.2, 22.2, 24.2], tag="-again", repeat=1)
    return tmp_path


def test_repeats_are_no_trials_of_their_own_in_any_mean(root):
    tables = tables_of(root)

    assert list(finished(tables, SHORT, TTQ)["trial_id"]) == ["ttq-0", "ttq-1", "ttq-2"]
    assert sorted(tables.repeats["trial_id"]) == ["ttq-again-0", "ttq-again-1", "ttq-again-2"]


def test_the_spread_is_split_into_that_of_parents_and_of_fine_tunes(root):
    split = fine_tune_split(tables_of(root), SHORT, TTQ)

    assert (split.seeds, split.epochs) == (3, 2)
    assert split.within == pytest.approx(0.2 / 2**0.5)
    assert split.between == pytest.approx((4 - 0.02 / 2) ** 0.5)


def test_a_parent_that_was_fine_tuned_less_often_is_left_out(root):
    write_parents(root, 1, tag="-more")
    write_arm(root, "ttq", {3: 99.0})

    assert fine_tune_split(tables_of(root), SHORT, TTQ).seeds == 3


def test_without_repeats_there_is_no_split(tmp_path):
    write_parents(tmp_path, 2)
    write_arm(tmp_path, "ttq", [20.0, 21.0])

    assert fine_tune_split(tables_of(tmp_path), SHORT, TTQ) is None
