"""What least squares would choose, from histograms: by hand, and against the weights themselves."""

import math

import numpy as np
import pytest

from tests.record_builders import SHORT, tables_of, write_trial
from ttq_bench.analysis.gains import TTQ
from ttq_bench.analysis.least_squares import mean_of_largest
from ttq_bench.analysis.scale_measures import least_squares_rho

BINS = 64


def write_weights(root, weights, fraction, *, epochs=(0, 1)):
    """Publish a trial with the histogram of ``weights`` and the shares that a threshold leaves."""
    reach = float(np.abs(weights).max())
    counts, _ = np.histogram(weights, BINS, range=(-reach, reach))
    rows = [
        {"epoch": epoch, "layer_index": 0, "layer": "a", "reach": reach, "bins": BINS, "bin": i,
         "count": int(count)}
        for epoch in epochs
        for i, count in enumerate(counts if epoch else counts[::-1])
    ]  # fmt: skip
    above = [float(np.mean(side > fraction * reach)) for side in (weights, -weights)]
    shares = {"positive_share": above[0], "negative_share": above[1], "zero_share": 1 - sum(above)}
    write_trial(
        root, "ttq-0", seed=0, errors=(9.0,), scales={"a": (1.0, 1.0)}, histograms=rows,
        changes=lambda *_: {**shares, "weight_count": len(weights)},
    )  # fmt: skip


def test_the_mean_of_the_largest_worked_by_hand():
    # Four bins of a side, borders at 1/4, 1/2, 3/4 and 1; the three largest are one in the last and
    # two of the four in the third, its outer half.
    counts = np.array([[8.0, 0.0, 4.0, 1.0]])
    expected = (1 * 0.875 + 2 * 0.6875) / 3
    assert mean_of_largest(counts, np.array([3.0])) == pytest.approx([expected])


def test_a_side_without_weights_has_no_mean():
    counts = np.array([[1.0, 2.0], [0.0, 0.0]])
    assert np.isnan(mean_of_largest(counts, np.array([0.0, 3.0]))).all()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("fraction", [0.0, 0.05, 0.25])
def test_the_estimate_is_that_of_the_weights_themselves_but_for_the_bins(tmp_path, seed, fraction):
    random = np.random.default_rng(seed)
    weights = random.laplace(-0.2, 1.0, 20_000)
    write_weights(tmp_path, weights, fraction)
    threshold = fraction * np.abs(weights).max()
    positive, negative = weights[weights > threshold], -weights[weights < -threshold]
    expected = math.log(positive.mean() / negative.mean())
    (found,) = least_squares_rho(tables_of(tmp_path), SHORT, TTQ).values
    assert found == pytest.approx(expected, abs=0.01)
    assert abs(expected) > 0.02 or fraction


def test_without_a_histogram_of_the_last_epoch_there_is_no_estimate(tmp_path):
    write_weights(tmp_path, np.linspace(-1, 1, 1000), 0.05, epochs=(0,))
    assert least_squares_rho(tables_of(tmp_path), SHORT, TTQ) is None
