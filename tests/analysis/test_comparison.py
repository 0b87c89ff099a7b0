"""Errors and paired differences from written records."""

import pytest

from tests.record_builders import tables_of, write_grid, write_trial
from ttq_bench.analysis.comparison import compare_arms, comparison_table


def arms_of(root):
    return {result.arm.arm: result for result in compare_arms(tables_of(root))}


def test_differences_are_paired_with_the_very_parent_and_its_control(tmp_path):
    write_grid(tmp_path)
    ttq = arms_of(tmp_path)["ttq"]
    # final errors base + 1 + 0.1 * seed; parents base; controls base - 1
    assert ttq.to_parent.mean == pytest.approx(1.1)
    assert ttq.to_continued.mean == pytest.approx(2.1)
    assert ttq.to_continued.deviation == pytest.approx(0.1)
    assert ttq.to_continued.n == 3
    assert ttq.error.mean == pytest.approx(22.1)


def test_full_precision_has_no_start_to_compare_with(tmp_path):
    write_grid(tmp_path)
    arms = arms_of(tmp_path)
    assert arms["full_precision"].to_parent is None
    assert arms["full_precision_continued"].to_parent.mean == pytest.approx(-1)
    assert arms["full_precision_continued"].to_continued is None


def test_a_control_with_another_budget_is_not_compared_with(tmp_path):
    write_trial(tmp_path, "fp-0", seed=0, errors=(20.0,))
    write_trial(tmp_path, "on-0", seed=0, errors=(20.0, 20.0, 19.0), parent="fp-0")
    write_trial(tmp_path, "ttq-0", seed=0, errors=(22.0,), parent="fp-0", scales={"a": (1, 1)})
    assert arms_of(tmp_path)["ttq"].to_continued is None


@pytest.mark.parametrize(
    "changes", [{"errors": (30.0, 10.0)}, {"pixels": "b"}, {"learning_rate": 0.2}]
)
def test_trials_of_another_budget_or_other_pixels_are_never_averaged(tmp_path, changes):
    usual = {"errors": (20.0,), "pixels": "a"}
    write_trial(tmp_path, "fp-0", seed=0, **usual)
    write_trial(tmp_path, "fp-1", seed=1, **usual | changes)
    assert [result.error.n for result in compare_arms(tables_of(tmp_path))] == [1, 1]


def test_a_diverged_trial_has_no_error_but_stays_in_the_trials(tmp_path):
    write_grid(tmp_path, seeds=2)
    write_trial(tmp_path, "fp-9", seed=9, errors=(50.0, 60.0), outcome="diverged")
    tables = tables_of(tmp_path)
    assert len(tables.trials) == 7
    full_precision = compare_arms(tables)[0]
    assert full_precision.error.n == 2
    others = [result for result in compare_arms(tables) if result.arm.diverged]
    assert [(r.arm.arm, r.error.n, r.arm.diverged) for r in others] == [("full_precision", 2, 1)]


def test_table_has_a_mean_an_interval_and_n_for_each_estimate(tmp_path):
    write_grid(tmp_path)
    table = comparison_table(compare_arms(tables_of(tmp_path)))
    row = table[table["arm"] == "ttq"].iloc[0]
    assert row["to_continued_low"] < row["to_continued_mean"] < row["to_continued_high"]
    assert row["to_continued_n"] == 3


def test_a_child_of_a_retrained_parent_is_compared_with_the_weights_it_started_from(tmp_path):
    """The parent's record says 20 %, but the weights at hand when the child began had 21 %."""
    write_trial(tmp_path, "fp-0", seed=0, errors=(20.0,))
    write_trial(
        tmp_path, "ttq-0", seed=0, errors=(22.0,), parent="fp-0", scales={"a": (1, 1)},
        start=("new", 21.0),
    )  # fmt: skip
    write_trial(tmp_path, "on-0", seed=0, errors=(19.0,), parent="fp-0", start=("old", 20.0))
    ttq = arms_of(tmp_path)["ttq"]
    assert ttq.to_parent.mean == pytest.approx(1.0)
    assert ttq.to_continued is None


def test_codes_flipped_an_epoch_are_weighted_by_weights_worked_by_hand(tmp_path):
    """Two layers of 10 and 30 weights, two epochs: (10 * 0.1 + 30 * 0.3 + 10 * 0.3) / 80."""
    flips = {(1, "a"): 0.1, (1, "b"): 0.3, (2, "a"): 0.3, (2, "b"): 0.0}
    for seed in range(2):
        write_trial(
            tmp_path, f"ttq-{seed}", seed=seed, errors=(9.0, 8.0),
            scales={"a": (1.0, 1.0), "b": (1.0, 1.0)},
            changes=lambda epoch, layer: {
                "weight_count": 10 if layer == "a" else 30,
                "code_flips": flips.get((epoch, layer)),
            },
        )  # fmt: skip
    (result,) = compare_arms(tables_of(tmp_path))
    assert (result.flips.mean, result.flips.n) == (pytest.approx(13 / 80), 2)
