"""Claim O1: whether the shares settle while the scales move on, worked by hand."""

import math

import numpy as np
import pytest

from tests.analysis.test_scale_measures import found, write_ttq
from tests.record_builders import SHORT, tables_of, write_parents
from ttq_bench.analysis.gains import TTQ
from ttq_bench.analysis.measured import CONSTANT_RATE
from ttq_bench.analysis.settling import settling


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


def test_at_a_constant_rate_the_claim_has_what_it_needs(tmp_path):
    write_ttq(tmp_path, [0.0], errors=(9.0,) * 3, changes=history([1.0, 1.2, 1.3, 1.4], SETTLED))
    assert settling(tables_of(tmp_path), SHORT, TTQ).meets == (CONSTANT_RATE,)


def test_a_rate_that_falls_does_not_meet_the_need(tmp_path):
    write_ttq(tmp_path, [0.0], errors=(9.0,) * 3, changes=history([1.0, 1.2, 1.3, 1.4], SETTLED))
    tables = tables_of(tmp_path)
    tables.epochs.loc[tables.epochs["epoch"] == 3, "learning_rate"] = 0.01
    assert settling(tables, SHORT, TTQ).meets == ()


def test_without_scales_nothing_settles(tmp_path):
    write_parents(tmp_path, 1)
    assert found(tmp_path, settling) is None
