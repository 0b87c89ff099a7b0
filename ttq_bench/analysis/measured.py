"""What the records of one network say on one question: one value a seed, and the trials behind it.

A measurement never mixes recipes: where a network was trained in several ways under one protocol's
name, the way with the most seeds answers.
"""

from dataclasses import dataclass

import pandas as pd

from ttq_bench.analysis.accuracy_rows import STRATEGY_PARTS
from ttq_bench.analysis.comparison import ERROR
from ttq_bench.analysis.once import once
from ttq_bench.analysis.own_rates import VALIDATION, at_own_rates
from ttq_bench.analysis.statistics import Estimate, estimate
from ttq_bench.analysis.tables import Tables
from ttq_bench.text import shortest

Select = tuple[str, str]  # arm, and its delta strategy in words (empty: any)

# What a claim may need of the runs that answer it, in words for "undecided until ...".
OWN_RATES = "each method runs at its own best learning rate"
CONSTANT_RATE = "the learning rate is constant"

# What measurements read of a trial: a folder without records has these columns too.
COLUMNS = (
    "trial_id", "parent", "dataset", "protocol", "model", "arm", "strategy", "seed",
    "start_weights", "recipe", "budget", "family", "budget_family", "learning_rate",
    "rate_choice", "sparsity", VALIDATION, ERROR, *STRATEGY_PARTS,
)  # fmt: skip
# What rows must share before they may answer together; pairs have these columns of both sides.
RECIPE = ("recipe", "strategy", "recipe_other", "strategy_other")


@dataclass(frozen=True, slots=True, order=True)
class Network:
    """What trials must share before they may answer one question together."""

    dataset: str
    protocol: str
    model: str

    def __str__(self) -> str:
        return f"{self.model}, {self.dataset}, protocol {self.protocol}"


@dataclass(frozen=True, slots=True)
class Measured:
    """``values`` hold one number a seed; ``counted`` ones are exact and have no spread.

    ``interval`` is the estimate where it is not Student's t over ``values``. ``readings`` are other
    estimates of the same question from the same records, by what they change: a verdict stands
    where all of them give it. ``meets`` names what a claim may need of the runs, and ``note`` says
    what a reader has to know of them.
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


@once
def finished(tables: Tables, network: Network, select: Select | None = None) -> pd.DataFrame:
    """Return the finished trials of a network; with ``select``, those of one arm and strategy.

    Of every conversion: ``max_fraction(0.05)`` also selects trials that quantize the last layer
    too. Where it was trained at several learning rates, those at its own best one
    (``own_rates.py``).
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


def one_recipe(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the recipe and strategy with the most seeds, one a seed.

    Of recipes with as many seeds the first answers, and of trials of one seed. Rows of pairs share
    recipe and strategy on both sides.
    """
    if rows.empty:
        return rows
    groups = rows.groupby([name for name in RECIPE if name in rows], sort=True)
    return max((group.drop_duplicates("seed") for _, group in groups), key=len)


def of_most_seeds(rows: pd.DataFrame, point: str) -> pd.DataFrame:
    """Return the points that most seeds have, of these seeds alone: no mean mixes sets of points.

    ``rows`` have columns ``seed`` and ``point``, each point once a seed. Candidates are the sets of
    points of each seed; of sets that as many seeds have the largest answers, then the first.
    """
    by_seed = rows.groupby("seed")[point].agg(frozenset)
    if by_seed.empty:
        return rows
    sets = sorted(set(by_seed), key=lambda points: (-len(points), sorted(points)))
    best = max(sets, key=lambda points: sum(points <= others for others in by_seed))
    seeds = by_seed.index[[best <= others for others in by_seed]]
    return rows[rows["seed"].isin(seeds) & rows[point].isin(best)]


@once
def pairs(tables: Tables, network: Network, minuend: Select, subtrahend: Select) -> pd.DataFrame:
    """Return one row for each pair that started from the same weights with the same budget.

    Columns of the subtrahend end in ``_other``. Two quantized arms must share the conversion too.
    Of several recipes the one with the most pairs answers, so that no seed's pair differs in kind.
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
