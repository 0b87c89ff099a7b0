"""What equal scales cost, read from probes that lie beside records."""

import pytest

from tests.record_builders import (
    SHORT,
    moved_scales,
    tables_of,
    write_arm,
    write_parents,
    write_probe,
)
from ttq_bench.analysis.gains import TTQ
from ttq_bench.analysis.symmetrised import all_at_once, excess, healed, probes_of
from ttq_bench.records.probes import Healing


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


def test_the_excess_is_over_the_mean_of_changes_of_the_same_size(root):
    others = [moved_scales("doubled", 20.9), moved_scales("zero or doubled", 21.1)]
    unlike = [moved_scales("permuted", 99.0), moved_scales("common", 1.0)]
    write_probe(root, "ttq-0", control=20.0, together=21.5, moved=(*others, *unlike))
    write_probe(root, "ttq-1", control=20.0, together=21.5)  # of an older version

    measured = excess(tables_of(root), SHORT, TTQ)

    assert measured.values == pytest.approx((0.5,))
    assert measured.trials == ("ttq-0",)


def test_what_heals_is_compared_with_as_much_training_as_trained(root):
    healing = Healing(
        epochs=1, learning_rate=0.1, as_trained_error_percent=19.0, equal_error_percent=19.25
    )
    write_probe(root, "ttq-0", control=20.0, together=21.5, healing=healing)
    write_probe(root, "ttq-1", control=20.0, together=21.5)

    measured = healed(tables_of(root), SHORT, TTQ)

    assert (measured.values, measured.trials) == ((0.25,), ("ttq-0",))
