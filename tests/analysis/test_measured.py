"""What may be compared: the same weights, the same budget, one recipe, one value a seed."""

import pytest

from tests.record_builders import (
    BY_EPOCH,
    SHORT,
    tables_of,
    write_arm,
    write_grid,
    write_parents,
    write_trial,
)
from ttq_bench.analysis.measured import (
    Measured,
    Network,
    finished,
    networks,
    once,
    one_recipe,
    paired_errors,
    pairs,
)
from ttq_bench.analysis.statistics import estimate

ON, TTQ, TWN = ("full_precision_continued", ""), ("ttq", "max_fraction(0.05)"), ("twn", "")
LAST_TOO = {"keep_last": False}


@pytest.fixture
def root(tmp_path):
    """A folder with three parents, on whose recipe every budget depends."""
    write_parents(tmp_path, 3)
    return tmp_path


def names(root, select):
    return list(finished(tables_of(root), SHORT, select)["trial_id"])


def paired(root, minuend=ON, subtrahend=TTQ):
    together = pairs(tables_of(root), SHORT, minuend, subtrahend)
    return list(zip(together["trial_id"], together["trial_id_other"], strict=True))


def test_networks_differ_in_dataset_protocol_or_model_and_are_sorted(root):
    write_trial(root, "a", seed=0, errors=(1.0,), model="lenet5", dataset="mnist-png")
    write_trial(root, "b", seed=0, errors=(1.0,), protocol="paper")
    assert networks(tables_of(root)) == [
        Network("cifar10-jpeg", "paper", "resnet20"),
        SHORT,
        Network("mnist-png", "short", "lenet5"),
    ]


def test_a_folder_without_records_has_no_network_and_no_trial(tmp_path):
    tables = tables_of(tmp_path)
    assert networks(tables) == []
    for select in (None, TTQ, ON):
        assert one_recipe(finished(tables, SHORT, select)).sort_values("seed").empty
    assert paired_errors(tables, SHORT, ON, TTQ) is None


def test_trials_are_selected_by_arm_and_strategy_of_every_conversion(root):
    write_arm(root, "ttq", [20.0])
    write_arm(root, "ttq", [20.0], tag="-last", conversion=LAST_TOO)
    write_arm(root, "ttq", [20.0], tag="-other", strategy=("max_fraction", 0.055))
    write_arm(root, "ttq", [20.0], tag="-half", strategy=("constant_sparsity", 0.5))
    write_arm(root, "ttq-tied", [20.0])
    write_arm(root, "on", [20.0])
    assert names(root, TTQ) == ["ttq-0", "ttq-last-0"]
    assert names(root, ("ttq", "")) == ["ttq-0", "ttq-half-0", "ttq-last-0", "ttq-other-0"]
    assert names(root, ON) == ["on-0"]
    assert len(names(root, None)) == 3 + 6


def test_a_threshold_that_is_computed_once_an_epoch_is_another_strategy(root):
    write_arm(root, "ttq", [20.0])
    write_arm(root, "ttq", [20.0], tag="-epoch", strategy=BY_EPOCH)
    write_arm(root, "ttq", [20.0], tag="-last", strategy=BY_EPOCH, conversion=LAST_TOO)
    assert names(root, TTQ) == ["ttq-0"]
    by_epoch = ["ttq-epoch-0", "ttq-last-0"]
    assert names(root, ("ttq", "max_fraction(0.05, by epoch)")) == by_epoch


def test_diverged_trials_and_those_of_other_networks_are_not_selected(root):
    write_arm(root, "ttq", [20.0], outcome="diverged")
    write_arm(root, "ttq", [20.0], tag="-paper", protocol="paper")
    write_arm(root, "ttq", [20.0], tag="-deep", model="resnet32")
    write_arm(root, "ttq", [20.0], tag="-real", dataset="cifar10")
    assert names(root, TTQ) == []


def test_pairs_start_from_the_same_parent(root):
    write_arm(root, "on", [19.0, 18.0])
    write_arm(root, "ttq", {1: 20.0, 2: 20.0})
    assert paired(root) == [("on-1", "ttq-1")]


def test_other_weights_of_the_same_parent_are_not_paired(root):
    """A parent that was trained anew, elsewhere, differs in its last bits."""
    write_arm(root, "on", [19.0, 18.0], start=("aa", 20.0))
    write_arm(root, "ttq", {0: 20.0}, start=("aa", 20.0))
    write_arm(root, "ttq", {1: 20.0}, start=("bb", 20.0))
    assert paired(root) == [("on-0", "ttq-0")]


@pytest.mark.parametrize("more", [{"learning_rate": 0.2}, {"pixels": "ff"}])
def test_another_budget_or_other_pixels_are_not_paired(root, more):
    write_arm(root, "on", [19.0])
    write_arm(root, "ttq", [20.0], **more)
    assert paired(root) == []


def test_two_quantized_arms_must_share_the_conversion(root):
    write_arm(root, "twn", [21.0, 21.0])
    write_arm(root, "ttq", {0: 20.0}, conversion=LAST_TOO)
    assert paired(root, TWN, TTQ) == paired(root, TTQ, TWN) == []
    write_arm(root, "ttq", {1: 20.0})
    assert paired(root, TWN, TTQ) == [("twn-1", "ttq-1")]
    assert paired(root, TTQ, TWN) == [("ttq-1", "twn-1")]


def test_full_precision_is_paired_with_every_conversion(root):
    write_arm(root, "on", [19.0])
    write_arm(root, "ttq", [20.0], conversion=LAST_TOO)
    assert paired(root) == [("on-0", "ttq-0")]


def test_conversions_of_the_subtrahend_are_never_mixed(root):
    """Seed 0 has both, of which the first by name must not answer for the other two seeds."""
    write_arm(root, "on", [19.0] * 3)
    write_arm(root, "ttq", {0: 5.0}, tag="-a", conversion=LAST_TOO)
    write_arm(root, "ttq", [20.0] * 3, tag="-b")
    assert paired(root) == [("on-0", "ttq-b-0"), ("on-1", "ttq-b-1"), ("on-2", "ttq-b-2")]


def test_the_budget_with_the_most_pairs_answers_not_that_with_the_most_controls(root):
    write_arm(root, "on", [19.0] * 3, tag="-long", learning_rate=0.2)
    write_arm(root, "on", [19.0] * 2)
    write_arm(root, "ttq", [20.0] * 2)
    assert paired(root) == [("on-0", "ttq-0"), ("on-1", "ttq-1")]


def test_seeds_trained_from_scratch_are_paired_seed_by_seed(tmp_path):
    write_arm(tmp_path, "twn", [21.0, 22.0], parent=None)
    write_arm(tmp_path, "ttq", [20.0, 20.0], parent=None)
    assert paired(tmp_path, TWN, TTQ) == [("twn-0", "ttq-0"), ("twn-1", "ttq-1")]


def test_a_seed_that_was_trained_twice_counts_once(root):
    for tag in ("-a", "-b"):
        write_arm(root, "on", [19.0, 19.0], tag=tag)
        write_arm(root, "ttq", [20.0, 20.0], tag=tag)
    assert paired(root) == [("on-a-0", "ttq-a-0"), ("on-a-1", "ttq-a-1")]
    rows = one_recipe(finished(tables_of(root), SHORT, TTQ))
    assert list(rows["trial_id"]) == ["ttq-a-0", "ttq-a-1"]


def test_the_recipe_with_the_most_seeds_answers_alone(root):
    write_arm(root, "ttq", [20.0], tag="-a", learning_rate=0.2)
    write_arm(root, "ttq", [20.0], tag="-b", conversion=LAST_TOO)
    write_arm(root, "ttq", [20.0], tag="-c", strategy=("constant_sparsity", 0.5))
    write_arm(root, "ttq", {1: 20.0, 2: 20.0}, tag="-d")
    rows = one_recipe(finished(tables_of(root), SHORT, ("ttq", "")))
    assert list(rows["trial_id"]) == ["ttq-d-1", "ttq-d-2"]


def test_differences_are_those_of_the_final_errors_in_the_order_of_seeds(root):
    write_arm(root, "on", {1: 19.5, 0: 18.0})
    write_arm(root, "ttq", [20.0, 19.0])
    measured = paired_errors(tables_of(root), SHORT, ON, TTQ)
    assert measured == Measured((-2.0, 0.5), ("on-0", "on-1", "ttq-0", "ttq-1"))
    turned = paired_errors(tables_of(root), SHORT, TTQ, ON)
    assert turned.values == (2.0, -0.5)


def test_seeds_are_ordered_by_number_not_by_name(tmp_path):
    seeds = {2: 1.0, 10: 2.0}
    for seed in seeds:
        write_trial(tmp_path, f"fp-{seed}", seed=seed, errors=(20.0, 20.0))
    write_arm(tmp_path, "on", seeds)
    write_arm(tmp_path, "ttq", dict.fromkeys(seeds, 0.0))
    assert paired_errors(tables_of(tmp_path), SHORT, ON, TTQ).values == (1.0, 2.0)


def test_values_of_seeds_have_an_interval_and_counted_ones_are_exact():
    seeds = Measured((1.0, 3.0), ("a", "b")).estimate
    # mean 2, deviation sqrt(2), t(0.975, 1) = 12.7062: half-width 12.7062
    assert (seeds.mean, seeds.n) == (2.0, 2)
    assert seeds.high == pytest.approx(2 + 12.7062, abs=1e-4)
    counted = Measured((15.5,), ("a",), counted=True).estimate
    assert (counted.mean, counted.low, counted.high, counted.deviation) == (15.5, 15.5, 15.5, 0.0)


def test_an_interval_of_its_own_stands_for_that_of_the_values():
    own = estimate([5.0, 6.0])
    assert Measured((1.0, 2.0), ("a", "b"), interval=own).estimate == own


def test_a_network_says_what_it_is():
    assert str(SHORT) == "resnet20, cifar10-jpeg, protocol short"


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
