"""rho over seeds: different, equal, systematic, and the verdict on the network."""

import math

import numpy as np
import pytest

from tests.written_records import write_grid, write_trial
from ttq_bench.analysis.asymmetry import asymmetry, asymmetry_table
from ttq_bench.analysis.tables import load_tables
from ttq_bench.records.paths import ResultsPaths


def network_of(root):
    networks = asymmetry(load_tables(ResultsPaths(root)))
    assert len(networks) == 1
    return networks[0]


def write_rhos(root, rhos):
    """Publish one trial a seed, whose layers have the rho of one row of ``rhos``."""
    for seed, row in enumerate(rhos):
        scales = {f"layer{i}": (math.exp(rho), 1.0) for i, rho in enumerate(row)}
        write_trial(root, f"ttq-{seed}", seed=seed, errors=(10.0,), scales=scales)


def test_layers_are_judged_one_by_one(tmp_path):
    write_grid(tmp_path)
    apart, close = network_of(tmp_path).layers
    assert (apart.different, apart.equal, apart.systematic) == (True, False, True)
    assert apart.rho.mean == pytest.approx(sum(map(math.log, (1.2, 1.21, 1.22))) / 3)
    assert (close.different, close.equal, close.systematic) == (False, True, False)


def test_supported_when_most_layers_differ(tmp_path):
    write_rhos(tmp_path, [[0.20, 0.30, 0.0], [0.21, 0.31, 0.1], [0.19, 0.29, 0.2]])
    assert network_of(tmp_path).verdict == "supported"


def test_contradicted_when_most_layers_are_equal(tmp_path):
    write_rhos(tmp_path, [[0.001], [-0.002], [0.001]])
    assert network_of(tmp_path).verdict == "contradicted"


def test_a_tiny_but_systematic_difference_does_not_support_the_claim(tmp_path):
    random = np.random.default_rng(0)
    write_rhos(tmp_path, random.normal(0.003, 0.001, size=(5, 18)))
    network = network_of(tmp_path)
    assert sum(layer.systematic for layer in network.layers) > 9
    assert network.verdict == "contradicted"


def test_large_differences_of_random_sign_are_not_called_equal(tmp_path):
    random = np.random.default_rng(0)
    rhos = random.choice([-1, 1], size=(10, 6)) * random.normal(0.3, 0.02, size=(10, 6))
    write_rhos(tmp_path, rhos)
    network = network_of(tmp_path)
    assert not any(layer.systematic for layer in network.layers)
    assert network.verdict == "supported"


def test_undecided_when_seeds_disagree_widely(tmp_path):
    write_rhos(tmp_path, [[0.7], [-0.01], [0.02]])
    assert network_of(tmp_path).verdict == "undecided"


@pytest.mark.parametrize("true_size", [0.04, 0.06])
def test_a_verdict_against_the_truth_is_rare(tmp_path, true_size):
    """Layers just inside and just outside the margin, 3 seeds, noise as large as the distance."""
    random = np.random.default_rng(1)
    wrong = 0
    for repetition in range(20):
        root = tmp_path / str(repetition)
        write_rhos(root, random.normal(true_size, 0.01, size=(3, 3)))
        false = "supported" if true_size < 0.05 else "contradicted"
        wrong += network_of(root).verdict == false
    assert wrong <= 2


def test_one_seed_decides_nothing(tmp_path):
    write_rhos(tmp_path, [[2.0]])
    network = network_of(tmp_path)
    assert (network.verdict, network.size.n) == ("undecided", 1)


def test_a_scale_that_is_not_positive_has_no_rho_and_is_counted(tmp_path):
    for seed in range(2):
        scales = {"a": (-1.0 - seed, 1.0), "b": (1.0, 1.0)}
        write_trial(tmp_path, f"ttq-{seed}", seed=seed, errors=(10.0,), scales=scales)
    network = network_of(tmp_path)
    assert network.undefined == 2
    assert network.verdict == "undecided"


def test_the_size_before_the_first_step_is_told_apart(tmp_path):
    write_trial(
        tmp_path, "ttq-0", seed=0, errors=(1.0,), scales={"a": (2.0, 1.0)}, at_start={"a": (1, 2)}
    )
    network = network_of(tmp_path)
    assert network.start == pytest.approx(math.log(2))
    assert network.size.mean == pytest.approx(math.log(2))


def test_table_has_one_row_a_layer(tmp_path):
    write_grid(tmp_path)
    table = asymmetry_table(asymmetry(load_tables(ResultsPaths(tmp_path))))
    assert list(table["layer"]) == ["layer1.conv1", "layer1.conv2"]
    assert list(table["rho_n"]) == [3, 3]
    assert list(table["different"]) == [True, False]
