"""What it costs to set both scales of a layer to sqrt(W_p W_n), in points of test error.

This is called *symmetrising* the layer. Probes measured it on trained networks (see
``records/probes.py``).
"""

from statistics import mean

from ttq_bench.analysis.measured import Measured, Network, Select, finished, one_recipe
from ttq_bench.analysis.tables import Tables
from ttq_bench.records.probes import Probe

SAME_SIZE = ("doubled", "zero or doubled")  # kinds of ``MovedScales``


def probes_of(tables: Tables, network: Network, select: Select) -> list[Probe]:
    """Return the probes of the finished trials of one arm, ordered by seed."""
    by_trial = {probe.trial_id: probe for probe in tables.probes}
    trials = one_recipe(finished(tables, network, select)).sort_values("seed")["trial_id"]
    return [by_trial[trial] for trial in trials if trial in by_trial]


def all_at_once(tables: Tables, network: Network, select: Select) -> Measured | None:
    """Return the test error with all layers symmetrised minus that of the control.

    The control keeps its scales; its batch normalisation is estimated again on the same images.
    """
    costs = {
        probe.trial_id: probe.all_symmetrised_error_percent - probe.reestimated_error_percent
        for probe in probes_of(tables, network, select)
        if probe.all_symmetrised_error_percent is not None
    }
    return Measured(tuple(costs.values()), tuple(costs)) if costs else None


def excess(tables: Tables, network: Network, select: Select) -> Measured | None:
    """Return the test error with all layers symmetrised minus that after other, equal changes.

    These move the rho of each layer as far: to twice its value, or to zero or twice at random. The
    mean over them is used. At zero, equal scales are no worse than any others: the network is just
    tuned to the scales it was trained with.
    """
    costs = {}
    for probe in probes_of(tables, network, select):
        others = [m.test_error_percent for m in probe.moved if m.kind in SAME_SIZE]
        if others and probe.all_symmetrised_error_percent is not None:
            costs[probe.trial_id] = probe.all_symmetrised_error_percent - mean(others)
    return Measured(tuple(costs.values()), tuple(costs)) if costs else None


def healed(tables: Tables, network: Network, select: Select) -> Measured | None:
    """Return the cost of equal scales after one more epoch of training with scales held equal."""
    costs = {
        probe.trial_id: healing.equal_error_percent - healing.as_trained_error_percent
        for probe in probes_of(tables, network, select)
        if (healing := probe.healing) is not None
    }
    return Measured(tuple(costs.values()), tuple(costs)) if costs else None
