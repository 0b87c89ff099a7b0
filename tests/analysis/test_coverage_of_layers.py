"""Simulated networks: what is said of the scales of all layers together errs as rarely as it says.

The interval of the systematic size, what noise alone would give, shared signs, the slope of rho on
counts. Every case draws its networks from a fixed seed; ``limit`` allows three standard errors.
"""

import math

import numpy as np
import pytest

from tests.analysis.test_coverage import LAYERS, SEEDS, coverage, limit
from tests.tiers import slow_but
from ttq_bench.analysis.scale_measures import slope_through_origin
from ttq_bench.analysis.statistics import estimate
from ttq_bench.analysis.systematic import (
    noise_size,
    shared_signs,
    signed_by_others,
    systematic_size,
)

NETWORKS = 3000


def changes_of(mu, noise, n, *, common=0.0, experiments=NETWORKS):
    """Return changes of rho [experiments, seeds, layers] with these means and this noise."""
    random = np.random.default_rng(n)
    own = random.normal(size=(experiments, n, len(mu))) * noise
    return mu + own + common * random.normal(size=(experiments, n, 1)) * (mu == 0)


def one_layer_of(size):
    """Return means of which one layer is far apart, the others not at all."""
    return np.array([LAYERS * size, *np.zeros(LAYERS - 1)])


HETEROGENEOUS = np.geomspace(0.005, 0.2, LAYERS)
# Means of the layers, and their noise. The mean of |mu| is 0.05, in the first two cases 0.
SIZES = {
    "noise alone": (np.zeros(LAYERS), 0.05),
    "unequal noise alone": (np.zeros(LAYERS), HETEROGENEOUS),
    "one layer": (one_layer_of(0.05), 0.05),
    "one layer, unequal noise": (one_layer_of(0.05), HETEROGENEOUS),
    "half of the layers": (0.1 * np.tile([1, 0, -1, 0], 5)[:LAYERS], 0.05),
    "all layers, little noise": (np.full(LAYERS, 0.05), 0.02),
    "all layers, hidden by noise": (np.full(LAYERS, 0.05), 0.1),
    "rising over layers": (np.linspace(0, 0.1, LAYERS), 0.05),
    "three layers": (np.array([0.15, 0.0, 0.0]), 0.05),
}


QUICK = ("unequal noise alone", "all layers, hidden by noise", "three layers")


@pytest.mark.parametrize("n", slow_but([5], SEEDS))
@pytest.mark.parametrize("case", slow_but(QUICK, SIZES))
def test_the_systematic_size_is_rarely_shown_to_be_larger_or_smaller_than_it_is(case, n):
    """2.5 % to each side with many layers; its docstring says more of few, and of hidden signs.

    A verdict needs the raw size, too: the rule of the ledger for claim A1.
    """
    mu, noise = SIZES[case]
    truth = float(np.abs(mu).mean())
    pairs = [
        (systematic_size(x), estimate(np.abs(x).mean(axis=1))) for x in changes_of(mu, noise, n)
    ]
    above = np.array([[value.low > truth for value in pair] for pair in pairs])
    below = np.array([[value.high < truth for value in pair] for pair in pairs])
    few = len(mu) < LAYERS
    assert above[:, 0].mean() <= limit(0.05 if few else 0.025, NETWORKS)
    assert below[:, 0].mean() <= limit(0.08, NETWORKS)
    assert above.all(axis=1).mean() <= limit(0.05 if few else 0.025, NETWORKS)
    assert below.all(axis=1).mean() <= limit(0.025, NETWORKS)


@pytest.mark.slow
@pytest.mark.parametrize("n", SEEDS)
def test_noise_that_all_layers_share_is_shown_to_be_systematic_in_at_most_5_percent(n):
    mu = one_layer_of(0.05)
    found = [systematic_size(x) for x in changes_of(mu, 0.01, n, common=0.05)]
    assert np.mean([value.low > 0.05 for value in found]) <= limit(0.05, NETWORKS)


@pytest.mark.parametrize("n", SEEDS)
@pytest.mark.parametrize("case", ["noise alone", "unequal noise alone"])
def test_noise_alone_has_no_systematic_size_on_average_but_a_raw_one(case, n):
    changes = changes_of(*SIZES[case], n)
    sizes = np.array([signed_by_others(x).mean() for x in changes])
    assert abs(sizes.mean()) < 4 * sizes.std() / math.sqrt(len(sizes))
    raw, noise = np.abs(changes).mean(), np.mean([noise_size(x) for x in changes])
    assert raw > 0.03
    assert noise == pytest.approx(raw, rel=0.02)


@pytest.mark.parametrize("n", [5, 10])
def test_a_plain_t_interval_over_values_of_shared_signs_would_be_noticed(n):
    mu, noise = SIZES["one layer"]
    plain = [estimate(signed_by_others(x)) for x in changes_of(mu, noise, n)]
    assert np.mean([value.low > 0.05 for value in plain]) > 0.05


@pytest.mark.parametrize("n", SEEDS)
def test_layers_of_one_sign_in_all_seeds_are_as_many_as_chance_says(n):
    changes = changes_of(*SIZES["noise alone"], n)
    shared = [shared_signs(x).shared for x in changes]
    assert np.mean(shared) == pytest.approx(LAYERS * 2.0 ** (1 - n), rel=0.1, abs=0.02)


@pytest.mark.parametrize("n", SEEDS)
def test_the_slope_through_the_origin_over_seeds_holds_the_truth_in_95_percent(n):
    """Counts of each network, rho a third of them undone, and noise of each layer."""
    random = np.random.default_rng(n)
    counts = random.normal(-0.2, 0.1, size=(NETWORKS, n, LAYERS))
    rho = -0.36 * counts + random.normal(0.0, 0.04, size=counts.shape)
    results = [
        estimate([slope_through_origin(*pair) for pair in zip(*seeds, strict=True)])
        for seeds in zip(counts, rho, strict=True)
    ]
    assert 0.935 < coverage(results, -0.36) < 0.965
