"""Arms that differ in the strength of their delta strategy alone, as one line of a figure."""

from dataclasses import dataclass

from ttq_bench.analysis.arms import Arm
from ttq_bench.analysis.tables import Tables
from ttq_bench.report.figures.shown_arms import by_family, look_numbers
from ttq_bench.report.figures.style import Look, look
from ttq_bench.report.naming import arm_label
from ttq_bench.ternary.strategies import DeltaStrategy

SYMBOLS = {"constant_sparsity": "r", "max_fraction": "t"}


@dataclass(frozen=True, slots=True)
class Sweep:
    """Arms that differ in the strength of one strategy alone, by rising share of zeros."""

    label: str
    arms: tuple[Arm, ...]
    look: Look


def sweeps(tables: Tables, arms: list[Arm]) -> list[Sweep]:
    """Return the quantized arms, those of one method and strategy together."""
    numbers = look_numbers(arms)
    shown = [arm for arm in arms if arm.is_quantized and len(tables.trials_of(arm))]
    return [
        Sweep(
            _label(group),
            tuple(sorted(group, key=lambda arm: mean_zeros(tables, arm))),
            look(numbers[group[0]]),
        )
        for group in by_family(shown)
    ]


def _label(group: list[Arm]) -> str:
    first = group[0]
    if len(group) == 1 or first.delta is None:
        return arm_label(first.arm, first.strategy)
    words = filter(None, [_rule_in_words(first.delta), first.conversion])
    return arm_label(first.arm, ", ".join(words))


def _rule_in_words(rule: DeltaStrategy) -> str:
    """Return a delta strategy with a symbol for its number."""
    number = SYMBOLS.get(rule.name, "x")
    if rule.start is not None:
        number = f"{rule.start:g} to {number} in {rule.ramp_epochs:g} epochs"
    return f"{rule.name}({number}{', by epoch' if rule.update == 'epoch' else ''})"


def mean_zeros(tables: Tables, arm: Arm) -> float:
    """Return the mean share of zeros over an arm's finished trials, in percent."""
    return float(100 * tables.trials_of(arm)["sparsity"].astype(float).mean())
