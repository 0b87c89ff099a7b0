"""What it costs to set both scales of a layer to sqrt(W_p W_n): from the probes, in points."""

from statistics import mean

from ttq_bench.analysis.measured import Measured, Network, Select, finished, one_recipe
from ttq_bench.analysis.tables import Tables
from ttq_bench.records.probes import Probe

SAME_SIZE = ("doubled", "zero or doubled")  # of the kinds of ``MovedScales``


def probes_of(tables: Tables, network: Network, select: Select) -> list[Probe]:
    """Return the probes of one arm's finished trials, ordered by seed."""
    by_trial = {probe.trial_id: probe for probe in tables.probes}
    trials = one_recipe(finished(tables, network, select)).sort_values("seed")["trial_id"]
    return [by_trial[trial] for trial in trials if trial in by_trial]


def all_at_once(tables: Tables, network: Network, select: Select) -> Measured | None:
    """Return test error with all layers symmetrised minus that of the control, one value a seed.

    The control has its scales as trained and batch normalisation estimated anew on the same images.
    """
    costs = {
        probe.trial_id: probe.all_symmetrised_error_percent - probe.reestimated_error_percent
        for probe in probes_of(tables, network, select)
        if probe.all_symmetrised_error_percent is not None
    }
    return Measured(tuple(costs.values()), tuple(costs)) if costs else None


def excess(tables: Tables, network: Network, select: Select) -> Measured | None:
    """Return what equal scales cost above other changes of the same size, in points.

    That is the test error with all layers symmetrised minus the mean over the moves that change the
    rho of each layer as much: twice rho, and zero or twice rho at random. Zero says that a network
    is tuned to its scales, and that equal ones are no worse than any others.
    """
    found = {}
    for probe in probes_of(tables, network, select):
        others = [m.test_error_percent for m in probe.moved if m.kind in SAME_SIZE]
        if others and probe.all_symmetrised_error_percent is not None:
            found[probe.trial_id] = probe.all_symmetrised_error_percent - mean(others)
    return Measured(tuple(found.values()), tuple(found)) if found else None


def healed(tables: Tables, network: Network, select: Select) -> Measured | None:
    """Return what equal scales that are held still cost after one more epoch, in points."""
    found = {
        probe.trial_id: healing.equal_error_percent - healing.as_trained_error_percent
        for probe in probes_of(tables, network, select)
        if (healing := probe.healing) is not None
    }
    return Measured(tuple(found.values()), tuple(found)) if found else None
