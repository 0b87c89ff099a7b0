"""Which learning rate answers for an arm that was trained at several."""

import pandas as pd
import pytest

from tests.record_builders import SHORT, tables_of, write_arm, write_parents
from ttq_bench.analysis.measured import OWN_RATES, at_own_rates, paired_errors

TTQ, TWN = ("ttq", "max_fraction(0.05)"), ("twn", "")


def trials(validation, seeds=2, **columns):
    """Rows of one arm: for each rate, the validation error of every seed."""
    rows = [
        {"family": "f", "budget_family": "g", "recipe": f"r{rate}", "budget": f"b{rate}",
         "strategy": "s", "seed": seed, "learning_rate": rate,
         "final_validation_error_percent": error + seed, **columns}
        for rate, error in validation.items() for seed in range(seeds)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_the_rate_with_the_lowest_validation_error_answers_for_all_seeds():
    chosen = at_own_rates(trials({0.1: 30.0, 0.2: 20.0, 0.4: 25.0}))

    assert list(chosen["learning_rate"]) == [0.2, 0.2]
    assert set(chosen["recipe"]) == {"f"}
    assert set(chosen["budget"]) == {"g"}
    assert set(chosen["rate_choice"]) == {"inside"}


@pytest.mark.parametrize("best", [0.1, 0.4])
def test_a_best_rate_at_an_end_of_those_tried_is_marked(best):
    chosen = at_own_rates(trials({0.1: 30.0, 0.2: 20.0, 0.4: 25.0} | {best: 10.0}))

    assert set(chosen["learning_rate"]) == {best}
    assert set(chosen["rate_choice"]) == {"end"}


def test_fewer_than_three_rates_are_all_used():
    rows = trials({0.1: 30.0, 0.2: 20.0})

    chosen = at_own_rates(rows)

    assert list(chosen["recipe"]) == list(rows["recipe"])
    assert set(chosen["rate_choice"]) == {""}


def test_a_seed_that_lacks_a_rate_does_not_choose():
    rows = trials({0.1: 30.0, 0.2: 20.0, 0.4: 25.0})
    misleading = trials({0.4: 0.0}, seeds=1).assign(seed=7)

    chosen = at_own_rates(pd.concat([rows, misleading], ignore_index=True))

    assert set(chosen["learning_rate"]) == {0.2}


def test_strategies_and_conversions_choose_each_for_themselves():
    first = trials({0.1: 30.0, 0.2: 20.0, 0.4: 25.0})
    other = trials({0.1: 9.0, 0.2: 20.0, 0.4: 25.0}, strategy="t")

    chosen = at_own_rates(pd.concat([first, other], ignore_index=True))

    assert set(zip(chosen["strategy"], chosen["learning_rate"], strict=True)) == {
        ("s", 0.2), ("t", 0.1)
    }  # fmt: skip


def test_without_trials_no_rate_is_chosen():
    assert at_own_rates(trials({})).empty


def test_arms_at_their_own_rates_are_paired_by_their_starting_weights(tmp_path):
    write_parents(tmp_path, 2)
    for rate, error in ((0.1, 20.0), (0.2, 10.0), (0.4, 15.0)):
        write_arm(tmp_path, "ttq", [error, error], tag=f"-{rate}", learning_rate=rate)
        write_arm(tmp_path, "twn", [error + 3, error + 3], tag=f"-{rate}", learning_rate=rate / 2)

    measured = paired_errors(tables_of(tmp_path), SHORT, TWN, TTQ)

    assert measured.values == (3.0, 3.0)
    assert measured.meets == (OWN_RATES,)
    assert measured.note == "rates chosen on validation error: twn at 0.1; ttq at 0.2"


def test_arms_at_one_common_rate_do_not_meet_what_needs_own_rates(tmp_path):
    write_parents(tmp_path, 2)
    for arm in ("ttq", "twn"):
        write_arm(tmp_path, arm, [20.0, 21.0])

    measured = paired_errors(tables_of(tmp_path), SHORT, TWN, TTQ)

    assert (measured.meets, measured.note) == ((), "")
