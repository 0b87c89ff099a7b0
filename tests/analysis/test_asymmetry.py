"""rho over seeds: systematic, equal, undecided, and the verdict on the network."""

import math

import pytest

from tests.written_records import write_grid, write_trial
from ttq_bench.analysis.asymmetry import asymmetry, asymmetry_table
from ttq_bench.analysis.tables import load_tables
from ttq_bench.records.paths import ResultsPaths


def network_of(root):
    networks = asymmetry(load_tables(ResultsPaths(root)))
    assert len(networks) == 1
    return networks[0]


def write_scales(root, per_seed):
    for seed, layers in enumerate(per_seed):
        write_trial(root, f"ttq-{seed}", seed=seed, errors=(10.0,), scales=layers)


def test_layers_are_judged_one_by_one(tmp_path):
    write_grid(tmp_path)
    apart, close = network_of(tmp_path).layers
    assert apart.systematic
    assert not apart.equal
    assert apart.same_sign
    assert apart.rho.mean == pytest.approx(sum(map(math.log, (1.2, 1.21, 1.22))) / 3)
    assert close.equal
    assert not close.systematic
    assert not close.same_sign


def test_supported_when_half_of_the_layers_differ(tmp_path):
    write_grid(tmp_path)
    assert network_of(tmp_path).verdict == "supported"


def test_contradicted_when_all_layers_are_equal(tmp_path):
    write_scales(tmp_path, [{"a": (1.0, 1.001)}, {"a": (1.001, 1.0)}, {"a": (1.0, 1.002)}])
    assert network_of(tmp_path).verdict == "contradicted"


def test_undecided_when_seeds_disagree_widely(tmp_path):
    write_scales(tmp_path, [{"a": (1.0, 2.0)}, {"a": (2.0, 1.0)}, {"a": (1.0, 1.5)}])
    assert network_of(tmp_path).verdict == "undecided"


def test_one_seed_decides_nothing(tmp_path):
    write_scales(tmp_path, [{"a": (1.0, 9.0)}])
    network = network_of(tmp_path)
    assert network.verdict == "undecided"
    assert network.magnitude.n == 1


def test_a_scale_that_is_not_positive_does_not_count_as_apart(tmp_path):
    write_scales(tmp_path, [{"a": (-1.0, 1.0)}, {"a": (-1.1, 1.0)}])
    assert network_of(tmp_path).verdict == "undecided"


def test_table_has_one_row_a_layer(tmp_path):
    write_grid(tmp_path)
    table = asymmetry_table(asymmetry(load_tables(ResultsPaths(tmp_path))))
    assert list(table["layer"]) == ["layer1.conv1", "layer1.conv2"]
    assert list(table["n"]) == [3, 3]
