import math

import numpy as np
import pytest
from scipy import stats

from tests.record_builders import tables_of, write_grid, write_trial
from ttq_bench.analysis.folder_comparison import compare_folders

LAYERS = {"conv1": (1.2, 1.0), "conv2": (1.0, 1.0)}


@pytest.fixture
def a(tmp_path):
    return tmp_path / "a"


@pytest.fixture
def b(tmp_path):
    return tmp_path / "b"


def compared(a, b):
    return compare_folders(*(tables_of(root) for root in (a, b)))


def only_arm(a, b):
    (arm,) = compared(a, b).arms
    return arm


def write_ttq(root, errors, name="ttq", layers=LAYERS, first_seed=0, **more):
    """Publish one TTQ trial for each error, its parents' records left out of no arm."""
    for seed, error in enumerate(errors, start=first_seed):
        write_trial(root, f"{name}-{seed}", seed=seed, errors=(error,), scales=layers, **more)


def test_copies_are_equal_to_the_bit(a, b):
    write_grid(a)
    write_grid(b)
    found = compared(a, b)
    assert len(found.repeated) == 9
    assert (found.changed, found.only_a, found.only_b) == ((), (), ())
    assert [arm.verdict for arm in found.arms] == ["equal to the bit"] * 3
    assert [arm.arm.arm for arm in found.arms] == [
        "full_precision", "full_precision_continued", "ttq",
    ]  # fmt: skip


def test_a_second_run_that_took_another_time_is_equal_to_the_bit(a, b):
    write_ttq(a, [20.0])
    write_ttq(b, [20.0], epoch_changes={"epoch_seconds": 99.0})
    assert compared(a, b).repeated == ("ttq-0",)


@pytest.mark.parametrize("change", [{"train_loss": 1.0 + 1e-15}, {"test_loss": 2.0}])
def test_the_last_bit_of_any_other_number_counts(a, b, change):
    write_ttq(a, [20.0])
    write_ttq(b, [20.0], epoch_changes=change)
    found = compared(a, b)
    assert found.repeated == ()
    assert [(t.trial_id, t.difference) for t in found.changed] == [("ttq-0", 0.0)]


def test_other_scales_make_another_trial_and_their_rho_is_compared(a, b):
    write_ttq(a, [20.0, 21.0])
    write_ttq(b, [20.0, 21.0], layers={"conv1": (1.5, 1.0), "conv2": (1.0, 1.0)})
    found = compared(a, b)
    assert [trial.trial_id for trial in found.changed] == ["ttq-1", "ttq-0"]
    (arm,) = found.arms
    assert arm.repeated == 0
    assert arm.rho_size.mean == pytest.approx((math.log(1.5) - math.log(1.2)) / 2)
    assert arm.sparsity.mean == 0
    assert arm.error.mean == 0
    assert arm.verdict == "undecided"  # two seeds that agree by chance have an interval of no width


def test_a_scale_that_only_one_version_measured_is_no_difference(a, b):
    write_ttq(a, [20.0])
    older = {"code_flips": None, "gauge_residue": None, "scale_path": None}
    write_ttq(b, [20.0], changes=lambda *_: older)
    assert compared(a, b).repeated == ("ttq-0",)


def test_changed_trials_come_by_the_size_of_their_change_diverged_ones_first(a, b):
    write_ttq(a, [20.0, 20.0, 20.0])
    write_ttq(b, [20.5, 19.0])
    write_trial(b, "ttq-2", seed=2, errors=(20.0,), scales=LAYERS, outcome="diverged")
    changed = compared(a, b).changed
    assert [(t.trial_id, t.error_a, t.error_b) for t in changed] == [
        ("ttq-2", 20.0, None), ("ttq-1", 20.0, 19.0), ("ttq-0", 20.0, 20.5),
    ]  # fmt: skip
    assert [trial.difference for trial in changed[1:]] == [-1.0, 0.5]
    assert math.isnan(changed[0].difference)


def test_the_same_seeds_are_compared_in_pairs(a, b):
    """Seeds differ by 10 points, B - A by 0.9 to 1.1: only pairs show it."""
    before, after = [10.0, 20.0, 30.0], [11.1, 20.9, 31.0]
    write_ttq(a, before, name="x")
    write_ttq(b, after, name="y")
    arm = only_arm(a, b)
    low, high = stats.t.interval(0.95, 2, loc=1.0, scale=stats.sem(np.subtract(after, before)))
    assert arm.pairing == "by seed"
    assert (arm.error.mean, arm.error.low, arm.error.high) == pytest.approx((1.0, low, high))
    assert arm.verdict == "differs"
    assert (arm.error_a.n, arm.error_b.n, arm.repeated) == (3, 3, 0)


def test_other_seeds_are_compared_by_welch(a, b):
    before, after = [10.0, 10.4, 10.2], [11.0, 11.2, 11.6, 11.4]
    write_ttq(a, before)
    write_ttq(b, after, first_seed=5)
    arm = only_arm(a, b)
    test = stats.ttest_ind(after, before, equal_var=False).confidence_interval(0.95)
    assert arm.pairing == "unpaired"
    assert (arm.error.low, arm.error.high) == pytest.approx((test.low, test.high))
    assert arm.error.mean == pytest.approx(1.1)
    assert arm.verdict == "differs"


def test_an_interval_around_zero_bounds_the_difference_and_shows_no_equality(a, b):
    write_ttq(a, [20.0, 21.0, 22.0], name="x")
    write_ttq(b, [20.2, 20.7, 22.0], name="y")
    arm = only_arm(a, b)
    assert arm.error.low < 0 < arm.error.high
    assert arm.verdict == "no difference shown"
    assert arm.largest == max(-arm.error.low, arm.error.high)


def test_one_seed_decides_nothing(a, b):
    write_ttq(a, [20.0])
    write_ttq(b, [25.0])
    arm = only_arm(a, b)
    assert (arm.verdict, arm.error.mean, arm.largest) == ("undecided", 5.0, math.inf)


def test_a_seed_that_diverged_in_one_folder_is_in_no_pair(a, b):
    write_ttq(a, [20.0, 21.0, 22.0])
    write_ttq(b, [20.0, 21.0])
    write_trial(b, "ttq-2", seed=2, errors=(20.0,), scales=LAYERS, outcome="diverged")
    arm = only_arm(a, b)
    assert (arm.error_a.n, arm.error_b.n, arm.pairing, arm.repeated) == (3, 2, "by seed", 2)
    assert arm.error.n == 2


def test_an_arm_whose_seeds_all_diverged_on_one_side_is_undecided(a, b):
    write_ttq(a, [20.0, 21.0])
    for seed in range(2):
        write_trial(b, f"ttq-{seed}", seed=seed, errors=(20.0,), scales=LAYERS, outcome="diverged")
    arm = only_arm(a, b)
    assert (arm.error_b.n, arm.verdict) == (0, "undecided")
    assert math.isnan(arm.error.mean)


def test_full_precision_has_neither_rho_nor_zeros_and_a_tied_pair_no_rho(a, b):
    for root in (a, b):
        write_trial(root, "fp-0", seed=0, errors=(20.0,))
        write_trial(root, "tied-0", seed=0, errors=(20.0,), scales=LAYERS, method="ttq-tied")
    full, tied = compared(a, b).arms
    assert (full.rho_size, full.sparsity) == (None, None)
    assert (tied.rho_size, tied.sparsity.mean) == (None, 0.0)


def test_only_arms_of_both_folders_are_compared_and_other_pixels_are_another_arm(a, b):
    write_trial(a, "fp-0", seed=0, errors=(20.0,), pixels="a")
    write_trial(b, "fp-1", seed=0, errors=(20.0,), pixels="b")
    found = compared(a, b)
    assert (found.only_a, found.only_b, found.arms) == (("fp-0",), ("fp-1",), ())


def test_empty_folders_have_nothing_in_common(a, b):
    a.mkdir()
    b.mkdir()
    found = compared(a, b)
    assert (found.repeated, found.changed, found.arms) == ((), (), ())
