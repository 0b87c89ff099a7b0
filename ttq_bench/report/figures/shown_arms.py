"""Which arms of a network a figure shows where it has no room for all."""

from collections.abc import Hashable, Iterable
from dataclasses import replace

from ttq_bench.analysis.arms import Arm
from ttq_bench.analysis.gains import TTQ
from ttq_bench.report.figures.style import Look, look

# Of several strengths of one delta strategy these stand for it: the paper's own.
USUAL = (TTQ[1], "constant_sparsity(0.5)", "mean_fraction(0.7)")

ONE_STRENGTH = " Of each rule for the threshold one strength is shown."


def is_usual(arm: Arm) -> bool:
    """Whether the arm's delta strategy has the usual strength, however else it was converted."""
    return arm.delta_strategy in USUAL


def ttq_arms(arms: Iterable[Arm]) -> list[Arm]:
    """Return the arms of ``ttq``, those with the paper's threshold first."""
    ttq = (arm for arm in arms if arm.arm == TTQ[0])
    return sorted(ttq, key=lambda arm: arm.delta_strategy != TTQ[1])


def by_family(arms: Iterable[Arm]) -> list[list[Arm]]:
    """Return the arms in groups that differ in the strength of their delta strategy alone."""
    groups: dict[tuple[Hashable, ...], list[Arm]] = {}
    for arm in arms:
        where = (arm.dataset, arm.protocol, arm.model, arm.recipe)
        rule = replace(arm.delta, number=0.0) if arm.delta else None
        groups.setdefault((*where, arm.arm, rule, arm.conversion), []).append(arm)
    return list(groups.values())


def look_numbers(arms: Iterable[Arm]) -> dict[Arm, int]:
    """Return the number of each arm's look in all figures of its network.

    Strengths of one strategy share theirs, so that looks do not come back before they must.
    """
    return {arm: number for number, group in enumerate(by_family(arms)) for arm in group}


def looks_of(arms: Iterable[Arm]) -> dict[Arm, Look]:
    """Return the look of each arm in all figures of its network."""
    return {arm: look(number) for arm, number in look_numbers(arms).items()}


def one_strength(arms: list[Arm]) -> list[Arm]:
    """Return the arms, in their order, with one strength of each strategy: the usual, or first."""
    kept = [next(filter(is_usual, group), group[0]) for group in by_family(arms)]
    return [arm for arm in arms if arm in kept]
