"""The course of the error over sparsity, on curves that are drawn by hand."""

import pandas as pd
import pytest

from tests.record_builders import SHORT, tables_of, write_arm, write_parents
from ttq_bench.analysis.sparsity_curve import fall, of_most_seeds, rise, sweep, threshold_gain


@pytest.fixture
def root(tmp_path):
    write_parents(tmp_path, 3)
    return tmp_path


def write_points(root, errors, seed=0, name="constant_sparsity", tag="", **more):
    """Publish one trial for each sparsity in ``errors``; its strategy has that number."""
    for sparsity, error in errors.items():
        usual = {"sparsity": sparsity, "strategy": (name, round(sparsity, 2))}
        label = f"-{name}{sparsity}{tag}"
        write_arm(root, "ttq", {seed: error}, tag=label, **usual | more)


def write_thresholds(root, errors, seed=0, **more):
    write_points(root, errors, seed, name="max_fraction", **more)


def measured(root, measure):
    found = measure(tables_of(root), SHORT)
    return None if found is None else found.values


def test_fall_and_rise_are_against_the_mean_of_the_middle_worked_by_hand(root):
    write_points(root, {0.0: 12.0, 0.1: 99.0, 0.3: 10.0, 0.4: 8.0, 0.5: 9.0, 0.6: 99.0, 0.9: 10.5})
    # The middle: (10 + 8 + 9) / 3 = 9.
    assert measured(root, fall) == pytest.approx((3.0,))
    assert measured(root, rise) == pytest.approx((1.5,))


def test_a_curve_that_goes_the_other_way_has_negative_values(root):
    write_points(root, {0.0: 8.0, 0.4: 9.0, 0.9: 7.0})
    assert measured(root, fall) == (-1.0,)
    assert measured(root, rise) == (-2.0,)


def test_the_ends_are_the_fewest_and_the_most_zeros(root):
    write_points(root, {0.0: 12.0, 0.04: 99.0, 0.4: 9.0, 0.8: 99.0, 0.9: 99.0, 0.95: 10.0})
    assert measured(root, fall) == (3.0,)
    assert measured(root, rise) == (1.0,)


@pytest.mark.parametrize("sparsity", [0.06, 0.29, 0.51, 0.79])
def test_points_between_the_regions_answer_nothing(root, sparsity):
    write_points(root, {0.0: 12.0, sparsity: 9.0, 0.9: 10.0})
    assert measured(root, fall) is None
    assert measured(root, rise) is None


@pytest.mark.parametrize("shares", [(0.2999955, 0.7999955), (0.5000004, 0.8000012)])
def test_shares_of_whole_weights_stand_for_the_number_that_was_asked_for(root, shares):
    """ResNet-20 at 0.3: each layer rounds, 80,178 of 267,264 weights are zero, a little less."""
    middle, most = shares
    write_points(root, {0.0: 12.0, middle: 9.0, most: 10.0})
    assert measured(root, fall) == (3.0,)
    assert measured(root, rise) == (1.0,)


def test_each_seed_has_one_value_and_one_with_a_missing_point_has_none(root):
    write_points(root, {0.0: 12.0, 0.4: 9.0, 0.9: 10.0}, seed=0)
    write_points(root, {0.0: 12.5, 0.4: 9.0}, seed=1)
    write_points(root, {0.4: 9.0, 0.9: 11.0}, seed=2)
    assert measured(root, fall) == (3.0, 3.5)
    assert measured(root, rise) == (1.0, 2.0)


def test_the_trials_behind_a_value_are_its_end_and_its_middle(root):
    write_points(root, {0.0: 12.0, 0.2: 9.0, 0.4: 9.0, 0.9: 10.0})
    names = fall(tables_of(root), SHORT).trials
    assert names == ("ttq-constant_sparsity0.0-0", "ttq-constant_sparsity0.4-0")


def test_a_threshold_is_compared_with_the_nearest_point_of_about_as_many_zeros(root):
    write_points(root, {0.2: 10.0, 0.26: 99.0, 0.6: 14.0})
    write_thresholds(root, {0.22: 10.5, 0.63: 13.0})
    assert measured(root, threshold_gain) == pytest.approx((0.25,))  # (-0.5 + 1.0) / 2


def test_the_threshold_gain_is_positive_where_the_threshold_has_the_smaller_error(root):
    write_points(root, {0.2: 10.0, 0.6: 14.0})
    write_thresholds(root, {0.6: 13.0})
    assert measured(root, threshold_gain) == pytest.approx((1.0,))


def test_thresholds_far_from_every_point_are_left_out_and_nothing_is_interpolated(root):
    write_points(root, {0.2: 10.0, 0.6: 14.0})
    write_thresholds(root, {0.1: 0.0, 0.4: 0.0, 0.58: 13.0})
    found = threshold_gain(tables_of(root), SHORT)
    assert found.values == pytest.approx((1.0,))
    assert found.trials == ("ttq-max_fraction0.58-0", "ttq-constant_sparsity0.6-0")


def test_only_thresholds_that_every_seed_has_are_compared(root):
    for seed in (0, 1):
        write_points(root, {0.2: 10.0, 0.6: 14.0}, seed=seed)
        write_thresholds(root, {0.2: 9.0}, seed=seed)
    write_thresholds(root, {0.6: 99.0}, seed=0)
    assert measured(root, threshold_gain) == pytest.approx((1.0, 1.0))


def test_only_shares_that_every_seed_has_are_compared(root):
    write_points(root, {0.0: 12.0, 0.3: 99.0, 0.5: 9.0}, seed=0)
    write_points(root, {0.0: 12.0, 0.5: 10.0}, seed=1)
    assert measured(root, fall) == (3.0, 2.0)


def test_of_seeds_with_other_shares_those_that_most_have_answer(root):
    write_points(root, {0.0: 99.0, 0.5: 9.0, 0.9: 99.0}, seed=0)
    for seed in (1, 2):
        write_points(root, {0.0: 12.0, 0.4: 9.0, 0.91: 10.0}, seed=seed)
    assert measured(root, fall) == pytest.approx((3.0, 3.0))
    assert measured(root, rise) == pytest.approx((1.0, 1.0))
    assert fall(tables_of(root), SHORT).note == "30-50 % is 40 % here"


def test_a_middle_of_several_shares_names_them(root):
    write_points(root, {0.0: 12.0, 0.3: 9.0, 0.5: 9.0})
    assert fall(tables_of(root), SHORT).note == "30-50 % is 30 % and 50 % here"


def test_pairs_of_points_that_most_seeds_have_answer_not_a_mixture(root):
    """Seed 0 has one threshold beside a share, seeds 1 and 2 two others."""
    write_points(root, {0.2: 99.0}, seed=0)
    write_thresholds(root, {0.2: 0.0}, seed=0)
    for seed in (1, 2):
        write_points(root, {0.3: 10.0, 0.6: 14.0}, seed=seed)
        write_thresholds(root, {0.3: 9.0, 0.6: 13.0}, seed=seed)
    found = threshold_gain(tables_of(root), SHORT)
    assert found.values == pytest.approx((1.0, 1.0))
    assert found.note == "2 pairs of points a seed"


def test_other_tolerances_up_to_twice_the_usual_are_other_readings(root):
    """Distances of 0, 0.05 and 0.07: the second is in reach of twice the tolerance."""
    write_points(root, {0.2: 10.0, 0.5: 14.0, 0.8: 20.0})
    write_thresholds(root, {0.2: 9.0, 0.55: 17.0, 0.87: 0.0})
    found = threshold_gain(tables_of(root), SHORT)
    assert found.values == pytest.approx((1.0,))
    ((name, reading),) = found.readings
    assert (name, reading.mean) == ("a tolerance of 0.050", pytest.approx(-1.0))


def test_seeds_are_compared_with_their_own_curve(root):
    write_points(root, {0.2: 10.0, 0.6: 10.0}, seed=0)
    write_points(root, {0.2: 20.0, 0.6: 20.0}, seed=1)
    for seed in range(2):
        write_thresholds(root, {0.6: 9.0}, seed)
    write_thresholds(root, {0.6: 9.0}, seed=2)  # no curve
    assert measured(root, threshold_gain) == pytest.approx((1.0, 11.0))


def test_without_thresholds_or_without_a_curve_there_is_no_gain(root):
    write_points(root, {0.2: 10.0, 0.6: 10.0}, seed=0)
    write_thresholds(root, {0.4: 9.0}, seed=1)
    assert measured(root, threshold_gain) is None


def test_a_curve_is_of_one_recipe_the_one_with_the_most_points(root):
    write_points(root, {0.0: 12.0, 0.4: 9.0, 0.9: 10.0})
    write_points(root, {0.0: 99.0, 0.4: 1.0}, tag="long", learning_rate=0.2)
    assert measured(root, fall) == (3.0,)
    curve = sweep(tables_of(root), SHORT, "constant_sparsity")
    assert list(curve["sparsity"]) == [0.0, 0.4, 0.9]
    assert curve["recipe"].nunique() == 1


def test_thresholds_of_another_recipe_than_the_curves_are_not_compared(root):
    write_points(root, {0.2: 10.0, 0.6: 10.0})
    write_thresholds(root, {0.2: 1.0, 0.6: 1.0}, learning_rate=0.2)
    assert measured(root, threshold_gain) is None
    write_thresholds(root, {0.6: 9.0}, tag="again")
    assert measured(root, threshold_gain) == pytest.approx((1.0,))


def test_a_sparsity_that_moved_or_was_met_once_an_epoch_is_no_point_of_the_curve(root):
    write_points(root, {0.0: 12.0, 0.4: 9.0})
    ramp = ("constant_sparsity", 0.4, 0.0, 3.0)
    write_points(root, {0.41: 99.0}, strategy=ramp)
    write_points(root, {0.42: 99.0}, strategy=("constant_sparsity", 0.4, None, 0.0, "epoch"))
    assert measured(root, fall) == (3.0,)


def test_other_arms_are_no_points_of_the_curve(root):
    write_points(root, {0.0: 12.0, 0.4: 9.0}, method="ttq-tied")
    assert measured(root, fall) is None
    assert sweep(tables_of(root), SHORT, "constant_sparsity").empty


def test_a_folder_without_records_has_no_curve(tmp_path):
    for measure in (fall, rise, threshold_gain):
        assert measured(tmp_path, measure) is None


def points(**by_seed):
    rows = [(int(name[1:]), point) for name, own in by_seed.items() for point in own]
    return pd.DataFrame(rows, columns=["seed", "point"])


@pytest.mark.parametrize(
    ("given", "seeds", "answer"),
    [
        ({"s0": "ab", "s1": "ab"}, [0, 1], "ab"),
        ({"s0": "ab", "s1": "a"}, [0, 1], "a"),  # two seeds have a, one has both
        ({"s0": "ab", "s1": "cde", "s2": "cde"}, [1, 2], "cde"),
        ({"s0": "ab", "s1": "cde"}, [1], "cde"),  # as many seeds: the larger set
        ({"s0": "cd", "s1": "ab"}, [1], "ab"),  # as many points too: the first
        ({"s0": "abc", "s1": "ab", "s2": "bc"}, [0, 1], "ab"),
    ],
)
def test_the_set_of_points_that_most_seeds_have_answers(given, seeds, answer):
    found = of_most_seeds(points(**given), "point")
    assert sorted(set(found["seed"])) == seeds
    for _, own in found.groupby("seed"):
        assert "".join(sorted(own["point"])) == answer


def test_no_points_are_no_points():
    assert of_most_seeds(points(), "point").empty
