"""What the records of one network say on one question: one value a seed, and the trials behind it.

A measurement never mixes recipes: where a network was trained in several ways under one protocol's
name, the recipe with the most seeds is used.

Methods differ in how far one step moves their weights, so one common learning rate suits some of
them better. Where a setting trained an arm at several rates, its own best one is used, chosen on
validation error, which no verdict reads: the mean at the last epoch over the seeds that have every
rate. A best rate at an end of those tried may not be the best there is.
"""

import functools
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, TypeVar

import pandas as pd

from ttq_bench.analysis.accuracy_rows import STRATEGY_PARTS
from ttq_bench.analysis.comparison import ERROR
from ttq_bench.analysis.statistics import Estimate, estimate
from ttq_bench.analysis.tables import Tables
from ttq_bench.text import shortest

P = ParamSpec("P")
T = TypeVar("T")
Select = tuple[str, str]  # arm, and its delta strategy in words (empty: any)

# What a claim may need of the runs that answer it, in words for "undecided until ...".
OWN_RATES = "each method runs at its own best learning rate"
CONSTANT_RATE = "the learning rate is constant"

FEWEST_RATES = 3
VALIDATION = "final_validation_error_percent"
# What measurements read of a trial: a folder without records has these columns too.
COLUMNS = (
    "trial_id", "parent", "dataset", "protocol", "model", "arm", "strategy", "seed",
    "start_weights", "recipe", "budget", "family", "budget_family", "learning_rate",
    "rate_choice", "sparsity", VALIDATION, ERROR, *STRATEGY_PARTS,
)  # fmt: skip
# What rows must share before they may be used together; pairs have these columns of both sides.
RECIPE = ("recipe", "strategy", "recipe_other", "strategy_other")


@dataclass(frozen=True, slots=True, order=True)
class Network:
    """What trials must share before they may be used together: a model, its images, a protocol."""

    dataset: str
    protocol: str
    model: str

    def __str__(self) -> str:
        return f"{self.model}, {self.dataset}, protocol {self.protocol}"


@dataclass(frozen=True, slots=True)
class Measured:
    """One value a seed, and the ids of the trials behind them.

    A ``counted`` value is exact: it has no spread between seeds. ``interval`` is the estimate where
    it is not Student's t over ``values``. ``readings`` are other estimates from the same records,
    each with what it does differently: a verdict needs all of them. ``meets`` names which needs of
    a claim the runs meet (``OWN_RATES``, ``CONSTANT_RATE``); ``note`` is shown to the reader.
    """

    values: tuple[float, ...]
    trials: tuple[str, ...]
    counted: bool = False
    interval: Estimate | None = None
    readings: tuple[tuple[str, Estimate], ...] = ()
    meets: tuple[str, ...] = ()
    note: str = ""

    @property
    def estimate(self) -> Estimate:
        """Return mean, interval and n; a counted value is its own interval."""
        if self.interval is not None:
            return self.interval
        if not self.counted:
            return estimate(self.values)
        return Estimate(self.values[0], self.values[0], self.values[0], 0.0, len(self.values))


def networks(tables: Tables) -> list[Network]:
    """Return every network that has records."""
    if tables.trials.empty:
        return []
    keys = tables.trials[["dataset", "protocol", "model"]].drop_duplicates()
    return sorted(Network(*map(str, row)) for row in keys.itertuples(index=False))


def once(measure: Callable[Concatenate[Tables, P], T]) -> Callable[Concatenate[Tables, P], T]:
    """Return ``measure`` with its results kept in ``Tables.answers``: many pages ask for the same.

    The other arguments have to be hashable. Nobody may change a result in place.
    """

    @functools.wraps(measure)
    def kept(tables: Tables, /, *args: P.args, **kwargs: P.kwargs) -> T:
        key: Hashable = (measure, args, tuple(kwargs.items()))
        answers: dict[Hashable, Any] = tables.answers
        if key not in answers:
            answers[key] = measure(tables, *args, **kwargs)
        answer: T = answers[key]
        return answer

    return kept


@once
def finished(tables: Tables, network: Network, select: Select | None = None) -> pd.DataFrame:
    """Return the finished trials of a network; with ``select``, those of one arm and strategy.

    Of every conversion: ``max_fraction(0.05)`` also selects trials that quantize the last layer
    too. Where the arm was trained at several learning rates, those at its own best one.
    """
    rows = tables.finished
    if rows.empty:
        return rows.reindex(columns=COLUMNS).astype(object)
    for key in ("dataset", "protocol", "model"):
        rows = rows[rows[key] == getattr(network, key)]
    if select is None:
        return rows
    arm, strategy = select
    rows = rows[rows["arm"] == arm]
    return at_own_rates(rows[rows["delta_strategy"] == strategy] if strategy else rows)


def at_own_rates(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the trials of one arm at their best rate, all of them where there is no choice.

    A rate is chosen among trials that differ in nothing but seed and rate. Chosen trials get the
    columns ``recipe`` and ``budget`` without the rate, so that arms at their own rates can be
    paired, and ``rate_choice``: *inside* the rates tried, or at an *end* of them.
    """
    if rows.empty:
        return rows.assign(rate_choice="")
    parts = [_at_best_rate(part) for _, part in rows.groupby(["family", "strategy"], sort=False)]
    return pd.concat(parts).sort_index()


def _at_best_rate(rows: pd.DataFrame) -> pd.DataFrame:
    table = rows.pivot_table(index="seed", columns="learning_rate", values=VALIDATION).dropna()
    if table.empty or table.shape[1] < FEWEST_RATES:
        return rows.assign(rate_choice="")
    means = table.mean()
    best = means.idxmin()
    is_end = best in (means.index.min(), means.index.max())
    return rows[rows["learning_rate"] == best].assign(
        recipe=rows["family"],
        budget=rows["budget_family"],
        rate_choice="end" if is_end else "inside",
    )


def one_recipe(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the recipe and strategy with the most seeds, one row a seed.

    The first of several recipes with as many seeds, and the first of several trials of one seed.
    Rows of pairs share recipe and strategy on both sides.
    """
    if rows.empty:
        return rows
    groups = rows.groupby([name for name in RECIPE if name in rows], sort=True)
    return max((group.drop_duplicates("seed") for _, group in groups), key=len)


@once
def pairs(tables: Tables, network: Network, minuend: Select, subtrahend: Select) -> pd.DataFrame:
    """Return one row for each pair that started from the same weights with the same budget.

    Columns of the subtrahend end in ``_other``. Two quantized arms must share the conversion too.
    Of several recipes the one with the most pairs is used, alone.
    """
    first, second = (finished(tables, network, select) for select in (minuend, subtrahend))
    keys = ["seed", "parent", "start_weights", "budget"]
    if first["sparsity"].notna().all() and second["sparsity"].notna().all():
        keys.append("recipe")
    return one_recipe(first.merge(second, on=keys, suffixes=("", "_other")))


@once
def paired_errors(
    tables: Tables, network: Network, minuend: Select, subtrahend: Select
) -> Measured | None:
    """Return the test error of ``minuend`` minus that of ``subtrahend``; None without pairs."""
    together = pairs(tables, network, minuend, subtrahend).sort_values("seed")
    if together.empty:
        return None
    differences = together[ERROR] - together[f"{ERROR}_other"]
    trials = (*together["trial_id"], *together["trial_id_other"])
    first = together.iloc[0]
    choices = {first["rate_choice"], first["rate_choice_other"]}
    rates = [
        f"{select[0]} at {shortest(first[f'learning_rate{side}'])}"
        f"{', an end of the rates tried' if first[f'rate_choice{side}'] == 'end' else ''}"
        for select, side in ((minuend, ""), (subtrahend, "_other"))
    ]
    return Measured(
        tuple(map(float, differences)),
        tuple(map(str, trials)),
        meets=(OWN_RATES,) if choices == {"inside"} else (),
        note=f"rates chosen on validation error: {'; '.join(rates)}" if all(choices) else "",
    )
