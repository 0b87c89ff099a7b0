"""rho over seeds: different, equal, systematic, its noise, and the verdict on the network."""

import math

import numpy as np
import pytest

from tests.record_builders import no_changes, tables_of, write_grid, write_parents, write_trial
from ttq_bench.analysis.asymmetry import asymmetry, asymmetry_table
from ttq_bench.analysis.statistics import estimate


def network_of(root):
    networks = asymmetry(tables_of(root))
    assert len(networks) == 1
    return networks[0]


def write_rhos(root, rhos, changes=no_changes):
    """Publish one trial a seed, whose layers have the rho of one row of ``rhos``."""
    for seed, row in enumerate(rhos):
        scales = {f"layer{i}": (math.exp(rho), 1.0) for i, rho in enumerate(row)}
        write_trial(root, f"ttq-{seed}", seed=seed, errors=(10.0,), scales=scales, changes=changes)


def test_layers_are_judged_one_by_one(tmp_path):
    write_grid(tmp_path)
    apart, close = network_of(tmp_path).layers
    assert (apart.different, apart.equal, apart.systematic) == (True, False, True)
    assert apart.rho.mean == pytest.approx(sum(map(math.log, (1.2, 1.21, 1.22))) / 3)
    assert (close.different, close.equal, close.systematic) == (False, True, False)


def test_the_size_is_the_mean_over_layers_one_value_a_seed(tmp_path):
    write_rhos(tmp_path, [[0.2, -0.4], [0.1, 0.1], [-0.3, 0.0]])
    network = network_of(tmp_path)
    expected = estimate([0.3, 0.1, 0.15])
    assert network.fed.size.mean == pytest.approx(expected.mean)
    assert network.fed.size.low == pytest.approx(expected.low)
    assert network.fed.size.n == 3
    assert network.fed.mean.mean == pytest.approx((-0.1 + 0.1 - 0.15) / 3)


@pytest.mark.parametrize(
    ("centre", "verdict"),
    [(0.02, "contradicted"), (0.05, "undecided"), (0.08, "supported")],
)
def test_the_verdict_is_where_the_interval_of_the_mean_size_lies(tmp_path, centre, verdict):
    # Half-width of 0.01 * (-1, 0, 1): t(0.975, 2) * 0.01 / sqrt(3) = 0.0248
    write_rhos(tmp_path, [[centre - 0.01], [centre], [centre + 0.01]])
    network = network_of(tmp_path)
    assert network.fed.systematic.half_width == pytest.approx(0.0248, abs=1e-4)
    assert network.verdict == verdict


def test_one_layer_far_apart_outweighs_many_that_are_equal(tmp_path):
    """Not a majority of the layers: claim A1 is about a mean over them."""
    write_rhos(tmp_path, [[0.9 + seed / 100, *[0.001 * seed] * 4] for seed in range(3)])
    network = network_of(tmp_path)
    assert [layer.different for layer in network.layers].count(True) == 1
    assert network.fed.size.mean == pytest.approx((0.91 + 4 * 0.001) / 5)
    assert network.verdict == "supported"


def test_layers_that_feed_no_batch_normalisation_are_judged_separately(tmp_path):
    def last_is_not_fed(epoch, layer):
        return {"feeds_batch_norm": "no"} if layer == "layer1" else {}

    write_rhos(tmp_path, [[0.01, 0.9], [0.011, 0.8], [0.012, 0.7]], last_is_not_fed)
    network = network_of(tmp_path)
    assert network.fed.size.mean == pytest.approx(0.011)
    assert network.fed.systematic.mean == pytest.approx(0.011)
    assert network.unfed.size.mean == pytest.approx(0.8)
    assert network.unfed.systematic.mean == pytest.approx(0.8)
    assert (network.fed.signs.layers, network.unfed.signs.layers) == (1, 1)
    assert network.verdict == "contradicted"
    assert [layer.feeds_batch_norm for layer in network.layers] == ["yes", "no"]
    assert network.layers[1].different


def test_a_tiny_but_systematic_difference_does_not_support_the_claim(tmp_path):
    random = np.random.default_rng(0)
    write_rhos(tmp_path, random.normal(0.003, 0.001, size=(5, 18)))
    network = network_of(tmp_path)
    assert sum(layer.systematic for layer in network.layers) > 9
    assert network.verdict == "contradicted"


def test_large_differences_of_random_sign_are_neither_equal_nor_different(tmp_path):
    """The raw size is 0.3, all of it noise: no layer is larger in the same direction."""
    random = np.random.default_rng(0)
    rhos = random.choice([-1, 1], size=(10, 6)) * random.normal(0.3, 0.02, size=(10, 6))
    write_rhos(tmp_path, rhos)
    network = network_of(tmp_path)
    assert not any(layer.systematic for layer in network.layers)
    assert network.fed.changed.low > 0.25
    assert network.verdict == "undecided"


@pytest.mark.parametrize("rhos", [[[0.7], [-0.01], [0.02]], [[2.0]], [[0.5], [0.5]]])
def test_undecided_when_seeds_disagree_or_are_one_or_agree_by_chance(tmp_path, rhos):
    write_rhos(tmp_path, rhos)
    network = network_of(tmp_path)
    assert (network.verdict, network.fed.size.n) == ("undecided", len(rhos))


def test_signs_are_counted_by_layer(tmp_path):
    """Five of one sign: p = 2 / 2^5. Four of five: 2 * (1 + 5) / 2^5."""
    write_rhos(tmp_path, [[-0.1, 0.1], [-0.2, 0.1], [-0.1, 0.2], [-0.3, 0.1], [-0.1, -0.1]])
    one, other = (layer.signs for layer in network_of(tmp_path).layers)
    assert (one.agreeing, one.n, one.p) == (5, 5, pytest.approx(2 / 32))
    assert (other.agreeing, other.n, other.p) == (4, 5, pytest.approx(12 / 32))


def write_histories(root, histories):
    """Publish one trial a seed whose one layer has these rho, the start first."""
    write_parents(root, len(histories))
    for seed, rhos in enumerate(histories):
        write_trial(
            root, f"ttq-{seed}", seed=seed, errors=(10.0,) * (len(rhos) - 1), parent=f"fp-{seed}",
            scales={"a": (1.0, 1.0)},
            changes=lambda epoch, _, found=rhos: {"positive_scale": math.exp(found[epoch])},
        )  # fmt: skip


def test_noise_between_seeds_and_within_the_last_epochs_worked_by_hand(tmp_path):
    # The last two of three epochs: 0.10, 0.12 and 0.20, 0.22. Within: variance 0.0002 in both.
    # Seed means 0.11 and 0.21 have the variance 0.005; less 0.0002 / 2 it is that between seeds.
    write_histories(tmp_path, [[0.0, 9.0, 0.10, 0.12], [0.0, -9.0, 0.20, 0.22]])
    (layer,) = network_of(tmp_path).layers
    assert (layer.noise.seeds, layer.noise.values) == (2, 2)
    assert layer.noise.within == pytest.approx(math.sqrt(0.0002))
    assert layer.noise.between == pytest.approx(math.sqrt(0.0049))


@pytest.mark.parametrize(("epochs", "last"), [(1, 1), (2, 2), (3, 2), (6, 2), (9, 3), (12, 4)])
def test_noise_is_that_of_the_last_third_of_the_epochs_never_of_the_start(tmp_path, epochs, last):
    write_histories(tmp_path, [[9.0, *[0.1] * (epochs - last), *[0.2] * last]] * 2)
    (layer,) = network_of(tmp_path).layers
    assert layer.noise.values == last
    if last == 1:
        assert math.isnan(layer.noise.within)
    else:
        assert layer.noise.within == layer.noise.between == 0


def test_counts_are_correlated_over_seeds(tmp_path):
    write_parents(tmp_path, 4)
    for seed, share in enumerate([0.2, 0.3, 0.45, 0.1]):
        rho = -0.7 * math.log(share / 0.3)
        write_trial(
            tmp_path, f"ttq-{seed}", seed=seed, errors=(10.0,), parent=f"fp-{seed}",
            scales={"a": (math.exp(rho), 1.0), "b": (math.exp(rho), 1.0)},
            changes=lambda _, layer, share=share: {
                "positive_share": share if layer == "a" else 0.4, "negative_share": 0.3,
            },
        )  # fmt: skip
    undone, equal = (layer.counts for layer in network_of(tmp_path).layers)
    assert (undone.mean, undone.n) == (pytest.approx(-1), 4)
    assert math.isnan(equal.mean)


def test_a_scale_that_is_not_positive_has_no_rho_and_is_counted(tmp_path):
    for seed in range(2):
        scales = {"a": (-1.0 - seed, 1.0), "b": (1.0, 1.0)}
        write_trial(tmp_path, f"ttq-{seed}", seed=seed, errors=(10.0,), scales=scales)
    network = network_of(tmp_path)
    assert network.undefined == 2
    assert network.verdict == "undecided"


def test_the_size_before_the_first_step_has_a_value_of_its_own(tmp_path):
    write_trial(
        tmp_path, "ttq-0", seed=0, errors=(1.0,), scales={"a": (3.0, 1.0)}, at_start={"a": (1, 2)}
    )
    network = network_of(tmp_path)
    assert network.start == pytest.approx(math.log(2))
    assert network.fed.size.mean == pytest.approx(math.log(3))
    assert network.fed.changed.mean == pytest.approx(math.log(3) + math.log(2))


def test_arms_without_two_learned_scales_are_left_out(tmp_path):
    scales = {"a": (2.0, 1.0)}
    for method in ("ttq-tied", "twn", "ttq", "ttq-as-printed"):
        write_trial(tmp_path, method, seed=0, errors=(1.0,), scales=scales, method=method)
    assert [network.arm.arm for network in asymmetry(tables_of(tmp_path))] == [
        "ttq", "ttq-as-printed",
    ]  # fmt: skip


def test_table_has_one_row_a_layer(tmp_path):
    write_grid(tmp_path)
    (network,) = asymmetry(tables_of(tmp_path))
    table = asymmetry_table([network])
    assert list(table["layer"]) == ["layer1.conv1", "layer1.conv2"]
    assert list(table["rho_n"]) == [3, 3]
    assert list(table["different"]) == [True, False]
    assert list(table["signs_agreeing"]) == [3, 2]
    for column, part in (("between_seeds", "between"), ("within_run", "within")):
        assert list(table[column]) == [getattr(layer.noise, part) for layer in network.layers]
    assert list(table["rho_size_mean"]) == [layer.size.mean for layer in network.layers]
