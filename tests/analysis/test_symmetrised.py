"""What equal scales cost, read from probes that lie beside records."""

import pytest

from tests.record_builders import SHORT, tables_of, write_arm, write_parents, write_probe
from ttq_bench.analysis.gains import TTQ
from ttq_bench.analysis.symmetrised import all_at_once, probes_of


@pytest.fixture
def root(tmp_path):
    """Three parents, and TTQ from each."""
    write_parents(tmp_path, 3)
    write_arm(tmp_path, "ttq", [20.0, 21.0, 22.0])
    return tmp_path


def costs(root):
    return all_at_once(tables_of(root), SHORT, TTQ)


def test_the_cost_is_that_of_all_layers_over_the_control_one_value_a_seed(root):
    """The control is the error after batch normalisation was estimated anew, not the record's."""
    write_probe(root, "ttq-1", control=20.5, together=20.25)
    write_probe(root, "ttq-0", control=20.5, together=22.0)
    measured = costs(root)
    assert measured.values == (1.5, -0.25)
    assert measured.trials == ("ttq-0", "ttq-1")
    assert not measured.counted


def test_a_network_with_a_layer_that_cannot_be_symmetrised_has_no_cost(root):
    write_probe(root, "ttq-0", control=20.0, together=None)
    write_probe(root, "ttq-1", control=20.0, together=20.0)
    assert costs(root).values == (0.0,)
    assert len(probes_of(tables_of(root), SHORT, TTQ)) == 2


def test_without_probes_there_is_no_cost(root):
    assert costs(root) is None
    write_probe(root, "ttq-0", control=20.0, together=None)
    assert costs(root) is None


def test_probes_of_other_arms_networks_and_trials_without_a_record_are_left_out(root):
    write_arm(root, "ttq", {0: 20.0}, tag="-half", strategy=("constant_sparsity", 0.5))
    write_arm(root, "ttq", {0: 20.0}, tag="-deep", model="resnet32")
    write_arm(root, "ttq-as-printed", {0: 20.0})
    for name in ("ttq-half-0", "ttq-deep-0", "ttq-as-printed-0", "gone-0"):
        write_probe(root, name, control=1.0, together=90.0)
    assert costs(root) is None
    assert {probe.trial_id for probe in tables_of(root).probes}.isdisjoint({"gone-0"})


def test_probes_of_two_recipes_are_never_mixed(root):
    write_arm(root, "ttq", {0: 20.0}, tag="-a", conversion={"keep_last": False})
    write_probe(root, "ttq-a-0", control=1.0, together=90.0)
    write_probe(root, "ttq-2", control=20.0, together=21.0)
    assert costs(root).trials == ("ttq-2",)
