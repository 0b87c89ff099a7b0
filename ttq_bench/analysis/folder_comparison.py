"""Two results folders A and B: which trials are the same, and in which arms the numbers differ.

An arm is in both folders where dataset, protocol, model, method, strategy and recipe are the same.
An interval never shows that two arms are equal: one that contains zero only bounds the difference.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

import pandas as pd

from ttq_bench.analysis.arms import GROUP, Arm
from ttq_bench.analysis.comparison import ERROR
from ttq_bench.analysis.scale_measures import fed_layers
from ttq_bench.analysis.statistics import Estimate, estimate, welch
from ttq_bench.analysis.tables import Tables
from ttq_bench.text import shortest

Pairing = Literal["by seed", "unpaired"]
# A second run repeats every column but this one.
TIMED = "epoch_seconds"
# What may change the last bits of a trial's numbers, but not its id.
CIRCUMSTANCES = ("threads", "device", "processor", "torch", "commit")


@dataclass(frozen=True, slots=True)
class ChangedTrial:
    """A trial whose numbers differ between the folders; an error is None where it diverged.

    ``circumstances`` has each of ``CIRCUMSTANCES`` that differs, with the value in A and in B.
    """

    trial_id: str
    error_a: float | None
    error_b: float | None
    circumstances: Mapping[str, tuple[str, str]]

    @property
    def difference(self) -> float:
        """Return B - A of the final test error in points, NaN where one diverged."""
        if self.error_a is None or self.error_b is None:
            return math.nan
        return self.error_b - self.error_a


@dataclass(frozen=True, slots=True)
class ArmDifference:
    """One arm over the seeds of each folder. Differences are B - A.

    ``error`` is the difference of the test error in points, ``rho_size`` that of the mean |rho|
    over layers (None without two learned scales), ``sparsity`` that of the share of zeros (None for
    full precision). ``repeated`` counts the trials that are equal to the bit in both.
    """

    arm: Arm
    error_a: Estimate
    error_b: Estimate
    pairing: Pairing
    error: Estimate
    rho_size: Estimate | None
    sparsity: Estimate | None
    repeated: int

    @property
    def verdict(self) -> Literal["equal to the bit", "differs", "no difference shown", "undecided"]:
        """Return the verdict of the interval of ``error``; undecided if it has no finite width."""
        if self.repeated == self.error_a.n == self.error_b.n:
            return "equal to the bit"
        if self.error.excludes_zero:
            return "differs"
        return "no difference shown" if self.error.deviation > 0 else "undecided"

    @property
    def largest(self) -> float:
        """Return the largest difference, of either sign, in the interval."""
        return max(abs(self.error.low), abs(self.error.high))


@dataclass(frozen=True, slots=True)
class FolderComparison:
    """Ids of the trials in both folders or in one, and the arms that are in both.

    ``repeated`` trials are equal to the bit; ``changed`` ones come with the largest change first.
    ``left_out_a`` and ``left_out_b`` are of another training version, and are not compared.
    """

    repeated: tuple[str, ...]
    changed: tuple[ChangedTrial, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    left_out_a: tuple[str, ...]
    left_out_b: tuple[str, ...]
    arms: tuple[ArmDifference, ...]


def compare_folders(a: Tables, b: Tables) -> FolderComparison:
    """Return how the records of B differ from those of A."""
    shared = sorted(a.trial_ids() & b.trial_ids())
    repeated = _repeated(a, b, shared)
    changed = [_changed(a, b, name) for name in shared if name not in repeated]
    changed.sort(key=lambda t: math.inf if math.isnan(t.difference) else abs(t.difference))
    arms_of_b = {_key(arm) for arm in b.arms()}
    return FolderComparison(
        repeated=tuple(name for name in shared if name in repeated),
        changed=tuple(reversed(changed)),
        only_a=tuple(sorted(a.trial_ids() - b.trial_ids())),
        only_b=tuple(sorted(b.trial_ids() - a.trial_ids())),
        left_out_a=tuple(chain.from_iterable(a.left_out.values())),
        left_out_b=tuple(chain.from_iterable(b.left_out.values())),
        arms=tuple(_arm(a, b, arm, repeated) for arm in a.arms() if _key(arm) in arms_of_b),
    )


def _key(arm: Arm) -> tuple[str, ...]:
    return tuple(getattr(arm, name) for name in GROUP)


def _changed(a: Tables, b: Tables, trial_id: str) -> ChangedTrial:
    rows = [t.trials.loc[t.trials["trial_id"] == trial_id].iloc[0] for t in (a, b)]
    values = {name: tuple(_in_words(row.get(name)) for row in rows) for name in CIRCUMSTANCES}
    circumstances = {name: (in_a, in_b) for name, (in_a, in_b) in values.items() if in_a != in_b}
    return ChangedTrial(trial_id, _error(a, trial_id), _error(b, trial_id), circumstances)


def _in_words(value: Any) -> str:
    """Return a value of a record as text; older records lack some."""
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return "unknown"
    return shortest(value) if isinstance(value, float) else str(value)


def _error(tables: Tables, trial_id: str) -> float | None:
    errors = tables.finished.loc[tables.finished["trial_id"] == trial_id, ERROR]
    return float(errors.iloc[0]) if len(errors) else None


def _repeated(a: Tables, b: Tables, shared: Sequence[str]) -> set[str]:
    """Return the trials whose every epoch and every scale is the same number in both folders."""
    if not shared:
        return set()
    pairs = ((a.epochs, b.epochs), (a.scales, b.scales))
    parts = [[_by_trial(table, shared) for table in pair] for pair in pairs]
    outcomes = [dict(zip(t.trials["trial_id"], t.trials["outcome"], strict=True)) for t in (a, b)]
    return {
        name
        for name in shared
        if outcomes[0][name] == outcomes[1][name]
        and all(_same(first.get(name), second.get(name)) for first, second in parts)
    }


def _by_trial(table: pd.DataFrame, names: Sequence[str]) -> dict[str, pd.DataFrame]:
    if table.empty:
        return {}
    rows = table[table["trial_id"].isin(names)]
    # The categories of two folders differ, and pandas does not compare such columns.
    plain = rows.astype(dict.fromkeys(rows.select_dtypes("category"), object))
    groups = plain.groupby("trial_id")
    return {str(name): rows.reset_index(drop=True) for name, rows in groups}


def _same(first: pd.DataFrame | None, second: pd.DataFrame | None) -> bool:
    """Return whether two tables agree in all that both versions measured, apart from the time."""
    if first is None or second is None:
        return first is second
    if len(first) != len(second):
        return False
    measured = [
        name
        for name in first.columns.intersection(second.columns)
        if name != TIMED and first[name].notna().any() and second[name].notna().any()
    ]
    return all(
        bool(((first[name] == second[name]) | (first[name].isna() & second[name].isna())).all())
        for name in measured
    )


def _arm(a: Tables, b: Tables, arm: Arm, repeated: set[str]) -> ArmDifference:
    trials = [tables.trials_of(arm).set_index("trial_id") for tables in (a, b)]
    seeds = [list(rows["seed"]) for rows in trials]
    is_unique = all(len(set(of_folder)) == len(of_folder) for of_folder in seeds)
    is_paired = is_unique and bool(set(seeds[0]) & set(seeds[1]))
    pairing: Pairing = "by seed" if is_paired else "unpaired"
    sizes = [_rho_sizes(t, arm, rows) for t, rows in zip((a, b), trials, strict=True)]
    first, second = [rows.assign(rho=size) for rows, size in zip(trials, sizes, strict=True)]
    return ArmDifference(
        arm=arm,
        error_a=estimate(list(first[ERROR])),
        error_b=estimate(list(second[ERROR])),
        pairing=pairing,
        error=_difference(first, second, ERROR, pairing),
        rho_size=_difference(first, second, "rho", pairing) if arm.learns_pair else None,
        sparsity=_difference(first, second, "sparsity", pairing) if arm.is_quantized else None,
        repeated=len(repeated & set(first.index) & set(second.index)),
    )


def _rho_sizes(tables: Tables, arm: Arm, trials: pd.DataFrame) -> "pd.Series[float]":
    """Return the mean of |rho| over layers at the last epoch of each trial, NaN without scales."""
    if not arm.learns_pair or trials.empty:
        return pd.Series(math.nan, index=trials.index)
    final = fed_layers(tables.final_scales_of(arm))
    return final["rho"].abs().groupby(final["trial_id"]).mean().reindex(trials.index)


def _difference(first: pd.DataFrame, second: pd.DataFrame, name: str, pairing: Pairing) -> Estimate:
    """Return B - A over the seeds that have a number, where paired in both folders."""
    before, after = (rows.set_index("seed")[name].astype(float) for rows in (first, second))
    if pairing == "by seed":
        return estimate((after - before).dropna().to_numpy())
    return welch(before.dropna().to_numpy(), after.dropna().to_numpy())
