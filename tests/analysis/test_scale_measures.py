"""How far apart the scales are, whether counts explain it, whether they settle: all by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from tests.paired_records import SHORT, tables_of, write_parents
from tests.written_records import no_changes, write_trial
from ttq_bench.analysis.asymmetry import asymmetry
from ttq_bench.analysis.gains import TTQ
from ttq_bench.analysis.scale_measures import (
    counts_correlation,
    fed_layers,
    log_counts,
    mean_size,
    settling,
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


def test_the_claim_and_the_table_of_asymmetry_tell_the_same_size(tmp_path):
    for seed, rhos in enumerate(([0.1, -0.2, 3.0], [0.3, 0.05, 2.0], [-0.2, 0.1, 4.0])):
        write_ttq(tmp_path, rhos, seed=seed, changes=not_fed("c"))
    (network,) = asymmetry(tables_of(tmp_path))
    assert mean_size(tables_of(tmp_path), SHORT, TTQ).estimate == network.size
    assert network.size.mean == pytest.approx((0.15 + 0.175 + 0.15) / 3)


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


def test_scales_that_undo_their_counts_correlate_by_minus_one(tmp_path):
    shares = [(0.4, 0.2), (0.3, 0.3), (0.1, 0.4), (0.3, 0.5)]
    rhos = [-0.5 * math.log(positive / negative) for positive, negative in shares]
    write_ttq(tmp_path, rhos, changes=counts(shares))
    assert found(tmp_path, counts_correlation) == pytest.approx((-1.0,))


def test_a_correlation_worked_by_hand(tmp_path):
    # ln(n+/n-) = ln 2 * (-1, 0, 1), rho = (0, 0.2, 0.1): r = 0.1 / sqrt(2 * 0.02) = 0.5
    write_ttq(tmp_path, [0.0, 0.2, 0.1], changes=counts([(0.2, 0.4), (0.3, 0.3), (0.4, 0.2)]))
    assert found(tmp_path, counts_correlation) == pytest.approx((0.5,))


def test_equal_counts_correlate_with_nothing(tmp_path):
    write_ttq(tmp_path, [0.1, 0.2, 0.3])
    assert found(tmp_path, counts_correlation) is None


def test_counts_of_one_sign_alone_have_no_logarithm():
    rows = pd.DataFrame({"positive_share": [0.4, 0.0, 0.5], "negative_share": [0.2, 0.3, 0.0]})
    np.testing.assert_array_equal(log_counts(rows), [math.log(2), math.nan, math.nan])


def test_layers_that_feed_no_batch_normalisation_count_only_where_none_does():
    rows = pd.DataFrame({"feeds_batch_norm": ["yes", "no", "unknown"]})
    assert list(fed_layers(rows).index) == [0]
    assert list(fed_layers(rows[1:]).index) == [1, 2]


def history(positive_scales, positive_shares, negative_scales=(1.0,) * 8):
    """Return changes that give layer ``a`` these values, one at the start and one an epoch."""
    columns = ("positive_scale", "positive_share", "zero_share", "negative_share", "negative_scale")
    zeros = [0.9 - share for share in positive_shares]
    rows = list(zip(positive_scales, positive_shares, zeros, [0.1] * 8, negative_scales))  # noqa: B905
    return lambda epoch, layer: dict(zip(columns, rows[epoch], strict=True)) if layer == "a" else {}


# Three epochs, whose moves of the share of + (and of 0, against it) are 0.2, 0.1 and 0.05.
SETTLED = [0.2, 0.4, 0.5, 0.55]


def test_settling_worked_by_hand(tmp_path):
    """ln W_p moves by 0.2, 0.3, 0.1: half is kept; of the shares' movement a quarter."""
    scales = [math.exp(x) for x in (0.0, 0.2, -0.1, 0.0)]
    write_ttq(tmp_path, [0.0], errors=(9.0,) * 3, changes=history(scales, SETTLED))
    assert found(tmp_path, settling) == pytest.approx((0.5 - 0.25,))


def test_scales_that_settle_before_the_shares_are_below_zero(tmp_path):
    scales = [math.exp(x) for x in (0.0, 0.2, 0.3, 0.3)]
    write_ttq(tmp_path, [0.0], errors=(9.0,) * 3, changes=history(scales, SETTLED))
    assert found(tmp_path, settling) == pytest.approx((-0.25,))


def test_settling_compares_thirds_of_the_epochs_and_both_scales(tmp_path):
    """Seven epochs: the first two, when W_p moves, against the last two, when W_n does."""
    positive = np.exp(np.cumsum([0.0, 0.3, 0.1, 5.0, 5.0, 5.0, 0.0, 0.0]))
    negative = np.exp(np.cumsum([0.0, 0.0, 0.0, 3.0, 3.0, 3.0, -0.2, 0.1]))
    shares = [0.1, 0.3, 0.5, 0.7, 0.1, 0.5, 0.6, 0.7]  # moves 0.2, 0.2, ..., 0.1, 0.1
    changes = history(positive, shares, negative)
    write_ttq(tmp_path, [0.0], errors=(9.0,) * 7, changes=changes)
    assert found(tmp_path, settling) == pytest.approx((0.3 / 0.4 - 0.1 / 0.2,))


def test_movements_are_means_over_layers_before_they_are_compared(tmp_path):
    """Layer b rests: it halves every movement, and leaves their ratio as it is."""
    scales = [math.exp(x) for x in (0.0, 0.2, -0.1, 0.0)]
    write_ttq(tmp_path, [0.0, 0.0], errors=(9.0,) * 3, changes=history(scales, SETTLED))
    assert found(tmp_path, settling) == pytest.approx((0.25,))


@pytest.mark.parametrize(("epoch", "known"), [(0, False), (1, False), (3, True), (6, False)])
def test_a_scale_that_is_negative_in_either_third_has_no_movement(tmp_path, epoch, known):
    scales = [1.0, 1.2, 1.3, 1.5, 1.6, 1.65, 1.7]
    scales[epoch] *= -1
    shares = [0.1, 0.3, 0.5, 0.6, 0.7, 0.75, 0.8]
    write_ttq(tmp_path, [0.0], errors=(9.0,) * 6, changes=history(scales, shares))
    assert (found(tmp_path, settling) is not None) == known


@pytest.mark.parametrize("epochs", [1, 2])
def test_two_epochs_have_no_thirds(tmp_path, epochs):
    changes = history([1.0, 1.2, 1.3], SETTLED)
    write_ttq(tmp_path, [0.0], errors=(9.0,) * epochs, changes=changes)
    assert found(tmp_path, settling) is None


def test_what_never_moved_cannot_settle(tmp_path):
    write_ttq(tmp_path, [0.3], errors=(9.0,) * 3)
    assert found(tmp_path, settling) is None


def test_without_scales_there_is_no_measurement(tmp_path):
    write_parents(tmp_path, 1)
    for measure in (mean_size, counts_correlation, settling):
        assert found(tmp_path, measure) is None
