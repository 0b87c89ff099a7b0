"""Measures of the scales, worked by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from tests.record_builders import SHORT, no_changes, tables_of, write_parents, write_trial
from ttq_bench.analysis.asymmetry import asymmetry
from ttq_bench.analysis.gains import TTQ
from ttq_bench.analysis.ledger import all_evidence
from ttq_bench.analysis.scale_measures import (
    counts_slope,
    fed_layers,
    least_squares_rho,
    log_counts,
    mean_log_counts,
    mean_rho,
    mean_size,
    slope_through_origin,
    systematic,
)


def write_ttq(root, rhos, *, seed=0, errors=(10.0,), changes=no_changes, tag="", **more):
    """Publish a trial whose layers ``a``, ``b``, ... have these rho at every epoch."""
    scales = {name: (math.exp(rho), 1.0) for name, rho in zip("abcdef", rhos, strict=False)}
    write_trial(
        root, f"ttq{tag}-{seed}", seed=seed, errors=errors, scales=scales, changes=changes, **more
    )


def found(root, measure):
    measured = measure(tables_of(root), SHORT, TTQ)
    return None if measured is None else measured.values


def not_fed(*layers):
    return lambda epoch, layer: {"feeds_batch_norm": "no"} if layer in layers else {}


def test_the_mean_size_is_that_of_both_signs_at_the_last_epoch(tmp_path):
    write_trial(
        tmp_path, "ttq-0", seed=0, errors=(9.0, 9.0), at_start={"a": (9.0, 1.0), "b": (9.0, 1.0)},
        scales={"a": (math.exp(0.1), 1.0), "b": (1.0, math.exp(0.3))},
    )  # fmt: skip
    assert found(tmp_path, mean_size) == pytest.approx((0.2,))


def test_the_mean_size_is_over_layers_that_feed_batch_normalisation(tmp_path):
    write_ttq(tmp_path, [0.1, -0.3, 5.0], changes=not_fed("c"))
    assert found(tmp_path, mean_size) == pytest.approx((0.2,))


def test_the_mean_size_is_over_all_layers_where_none_is_fed(tmp_path):
    write_ttq(tmp_path, [0.1, -0.3, 0.5], changes=not_fed("a", "b", "c"))
    assert found(tmp_path, mean_size) == pytest.approx((0.3,))


def test_one_value_a_seed_in_the_order_of_seeds_and_of_ttq_alone(tmp_path):
    write_parents(tmp_path, 3)
    for seed, rho in ((2, 0.3), (0, 0.1), (1, 0.2)):
        write_ttq(tmp_path, [rho], seed=seed)
    write_ttq(tmp_path, [9.0], seed=3, tag="-tied", method="ttq-tied")
    write_ttq(tmp_path, [9.0], seed=3, tag="-half", strategy=("constant_sparsity", 0.5))
    write_ttq(tmp_path, [9.0], seed=3, tag="-deep", model="resnet32")
    write_ttq(tmp_path, [9.0], seed=3, tag="-lost", outcome="diverged")
    measured = mean_size(tables_of(tmp_path), SHORT, TTQ)
    assert measured.values == pytest.approx((0.1, 0.2, 0.3))
    assert measured.trials == ("ttq-0", "ttq-1", "ttq-2")


def test_the_claims_and_the_table_of_asymmetry_have_the_same_sizes(tmp_path):
    for seed, rhos in enumerate(([0.1, -0.2, 3.0], [0.3, 0.05, 2.0], [-0.2, 0.1, 4.0])):
        write_ttq(tmp_path, rhos, seed=seed, changes=not_fed("c"))
    (network,) = asymmetry(tables_of(tmp_path))
    tables = tables_of(tmp_path)
    assert mean_size(tables, SHORT, TTQ).estimate == network.fed.size
    assert mean_rho(tables, SHORT, TTQ).estimate == network.fed.mean
    assert systematic(tables, SHORT, TTQ).estimate == network.fed.systematic
    assert network.fed.size.mean == pytest.approx((0.15 + 0.175 + 0.15) / 3)


def test_a_trial_with_a_layer_without_rho_has_no_value(tmp_path):
    write_ttq(
        tmp_path,
        [0.1, 0.3],
        changes=lambda _, layer: {"positive_scale": -1.0} if layer == "b" else {},
    )
    write_ttq(tmp_path, [0.1], seed=1)
    assert found(tmp_path, mean_size) == pytest.approx((0.1,))


def counts(pairs):
    """Return changes that give the layers ``a``, ``b``, ... these shares of each sign."""
    by_layer = dict(zip("abcdef", pairs, strict=False))
    return lambda _, layer: {
        "positive_share": by_layer[layer][0],
        "negative_share": by_layer[layer][1],
    }


def test_scales_that_undo_their_counts_have_the_slope_minus_one(tmp_path):
    shares = [(0.4, 0.2), (0.1, 0.4), (0.3, 0.5)]
    rhos = [-math.log(positive / negative) for positive, negative in shares]
    write_ttq(tmp_path, rhos, changes=counts(shares))
    assert found(tmp_path, counts_slope) == pytest.approx((-1.0,))


def test_a_slope_worked_by_hand_keeps_what_all_layers_have_in_common(tmp_path):
    # ln(n+/n-) = -ln 2 and -ln 4, rho = 0.1 in both: -0.1 (ln 2 + 2 ln 2) / (5 ln 2^2)
    write_ttq(tmp_path, [0.1, 0.1], changes=counts([(0.2, 0.4), (0.1, 0.4)]))
    assert found(tmp_path, counts_slope) == pytest.approx((-0.3 / (5 * math.log(2)),))
    assert found(tmp_path, mean_log_counts) == pytest.approx((-1.5 * math.log(2),))


def test_equal_counts_have_no_slope(tmp_path):
    write_ttq(tmp_path, [0.1, 0.2, 0.3], changes=counts([(0.3, 0.3)] * 3))
    assert found(tmp_path, counts_slope) is None


def test_a_slope_leaves_out_pairs_without_a_number():
    x, y = np.array([1.0, math.nan, 2.0]), np.array([3.0, 5.0, math.nan])
    assert slope_through_origin(x, y) == 3.0


def test_the_mean_of_rho_has_the_sign_of_the_larger_scale(tmp_path):
    write_ttq(tmp_path, [0.1, -0.4])
    assert found(tmp_path, mean_rho) == pytest.approx((-0.15,))


def test_the_systematic_size_takes_the_sign_of_the_other_seeds_worked_by_hand(tmp_path):
    """Layer b changes sign in seed 2: there it counts against the size, and for the others not."""
    write_parents(tmp_path, 3)
    for seed, (a, b) in enumerate([(0.2, 0.1), (0.3, 0.1), (0.4, -0.3)]):
        write_ttq(tmp_path, [a, b], seed=seed)
    # Layer b: the others' sums are -0.2, -0.2 and 0.2.
    measured = systematic(tables_of(tmp_path), SHORT, TTQ)
    assert measured.values == pytest.approx((0.05, 0.1, 0.05))
    assert measured.estimate.mean == pytest.approx(0.2 / 3)
    ((name, raw),) = measured.readings
    assert (name, raw.mean) == ("the raw size, noise included", pytest.approx(1.4 / 6))


def test_the_systematic_size_is_of_what_training_added(tmp_path):
    for seed in range(3):
        write_trial(
            tmp_path, f"ttq-{seed}", seed=seed, errors=(9.0,), at_start={"a": (math.e, 1.0)},
            scales={"a": (math.exp(0.7), 1.0)},
        )  # fmt: skip
    assert found(tmp_path, systematic) == pytest.approx((0.3,) * 3)


def test_scales_that_training_brings_together_do_not_become_different(tmp_path):
    """They move by 0.2, to 0.003 apart: the change is large and the end is not."""
    for seed in range(5):
        write_trial(
            tmp_path, f"ttq-{seed}", seed=seed, errors=(9.0,), at_start={"a": (math.exp(0.2), 1.0)},
            scales={"a": (math.exp(0.003 + 1e-4 * seed), 1.0)},
        )  # fmt: skip
    tables = tables_of(tmp_path)
    (name, end) = systematic(tables, SHORT, TTQ).readings[1]
    assert (name, end.mean) == (
        "the size at the end, that at the start included", pytest.approx(0.0032),
    )  # fmt: skip
    (row,) = [row for row in all_evidence(tables) if row.claim.label == "A1 different"]
    assert row.says == "undecided"
    (network,) = asymmetry(tables)
    assert network.verdict == "undecided"


def test_a_seed_with_a_scale_that_is_not_positive_has_no_change(tmp_path):
    write_parents(tmp_path, 3)
    write_ttq(tmp_path, [0.2, 0.2])
    write_ttq(tmp_path, [0.2, 0.2], seed=1)
    write_trial(
        tmp_path, "ttq-2", seed=2, errors=(10.0,), scales={"a": (-1.0, 1.0), "b": (1.2, 1.0)}
    )
    assert len(found(tmp_path, systematic)) == 2


def test_counts_of_one_sign_alone_have_no_logarithm():
    rows = pd.DataFrame({"positive_share": [0.4, 0.0, 0.5], "negative_share": [0.2, 0.3, 0.0]})
    np.testing.assert_array_equal(log_counts(rows), [math.log(2), math.nan, math.nan])


def test_layers_that_feed_no_batch_normalisation_count_only_where_none_does():
    rows = pd.DataFrame({"feeds_batch_norm": ["yes", "no", "unknown"]})
    assert list(fed_layers(rows).index) == [0]
    assert list(fed_layers(rows[1:]).index) == [1, 2]


def test_without_scales_there_is_no_measurement(tmp_path):
    write_parents(tmp_path, 1)
    for measure in (mean_size, mean_rho, systematic, counts_slope, least_squares_rho):
        assert found(tmp_path, measure) is None
