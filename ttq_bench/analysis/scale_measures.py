"""The scales of one network: how far apart, which is larger, whether counts explain it.

One value a seed, over the layers that feed batch normalisation, or all layers where none does.
"""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ttq_bench.analysis.measured import Measured, Network, Select, finished, one_recipe
from ttq_bench.analysis.once import once
from ttq_bench.analysis.statistics import estimate
from ttq_bench.analysis.systematic import signed_by_others, systematic_size
from ttq_bench.analysis.tables import Tables


def fed_layers(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of layers that feed batch normalisation, all of them where none does."""
    fed = rows[rows["feeds_batch_norm"] == "yes"]
    return fed if len(fed) else rows


def fed_layers_of_each(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of ``fed_layers``, trial by trial."""
    fed = rows["feeds_batch_norm"] == "yes"
    return rows[fed | ~fed.groupby(rows["trial_id"]).transform("any")]


def log_counts(rows: pd.DataFrame) -> NDArray[np.float64]:
    """Return ln(n_positive / n_negative) of each row, NaN where one side is empty."""
    positive = rows["positive_share"].to_numpy(float)
    negative = rows["negative_share"].to_numpy(float)
    ratio = np.full(len(rows), np.nan)
    np.divide(positive, negative, out=ratio, where=(positive > 0) & (negative > 0))
    return np.asarray(np.log(ratio), dtype=float)


@once
def mean_size(tables: Tables, network: Network, select: Select) -> Measured | None:
    """Return the mean of |rho| over layers at the last epoch."""
    return by_trial(
        tables,
        network,
        select,
        lambda rows: of_each(rows, lambda part: float(part["rho"].abs().mean(skipna=False))),
        tables.final_scales(),
    )


@once
def mean_rho(tables: Tables, network: Network, select: Select) -> Measured | None:
    """Return the mean of the signed rho over layers at the last epoch: above zero W_p is larger."""
    return by_trial(
        tables,
        network,
        select,
        lambda rows: of_each(rows, lambda part: float(part["rho"].mean(skipna=False))),
        tables.final_scales(),
    )


@once
def systematic(tables: Tables, network: Network, select: Select) -> Measured | None:
    """Return the systematic size of what training adds to rho; see ``systematic_size``.

    Its values are those of ``signed_by_others``; the raw size, the mean |change|, is the other
    reading: it is never too small, and must agree.
    """
    by_seed = _changes_by_seed(tables, network, select)
    if by_seed.empty:
        return None
    changes = by_seed.to_numpy(float)
    raw = estimate(np.abs(changes).mean(axis=1))
    return Measured(
        tuple(map(float, signed_by_others(changes))),
        tuple(map(str, by_seed.index)),
        interval=systematic_size(changes),
        readings=(("the raw size, noise included", raw),),
    )


def _changes_by_seed(tables: Tables, network: Network, select: Select) -> pd.DataFrame:
    if tables.scales.empty:
        return pd.DataFrame()
    trials = one_recipe(finished(tables, network, select)).sort_values("seed")["trial_id"]
    mine = tables.scales[tables.scales["trial_id"].isin(trials)]
    found = changes_of_rho(fed_layers_of_each(mine))
    return found.loc[[trial for trial in trials if trial in found.index]]


def changes_of_rho(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rho at the last epoch minus that before the first step, [trials, layers].

    ``rows`` are scales at all epochs. A trial with a scale that is not positive has no row.
    """
    if rows.empty:
        return pd.DataFrame()
    rows = rows.astype({"trial_id": str}).sort_values("epoch")
    keys = ["trial_id", "layer_index"]
    first, last = (
        rows.drop_duplicates(keys, keep=end).set_index(keys)["rho"] for end in ("first", "last")
    )
    return (last - first).unstack("layer_index").dropna()


@once
def counts_slope(tables: Tables, network: Network, select: Select) -> Measured | None:
    """Return the slope through the origin of rho on ln(n_positive / n_negative), over layers.

    At -1 unequal scales undo unequal counts: the sums of both sides are equal. A correlation would
    take away what layers have in common, which is most of both.
    """
    return by_trial(
        tables,
        network,
        select,
        lambda rows: of_each(rows, _counts_slope),
        tables.final_scales(),
    )


def _counts_slope(rows: pd.DataFrame) -> float:
    return slope_through_origin(log_counts(rows), rows["rho"].to_numpy(float))


def slope_through_origin(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return the least-squares slope of y = slope * x over pairs without NaN; NaN where x is 0."""
    whole = np.isfinite(x) & np.isfinite(y)
    square = float(np.sum(x[whole] ** 2))
    return float(np.sum(x[whole] * y[whole])) / square if square > 0 else math.nan


@once
def mean_log_counts(tables: Tables, network: Network, select: Select) -> Measured | None:
    """Return the mean of ln(n_positive / n_negative) over layers at the last epoch."""
    return by_trial(
        tables,
        network,
        select,
        lambda rows: of_each(rows, lambda part: float(log_counts(part).mean())),
        tables.final_scales(),
    )


@once
def least_squares_rho(tables: Tables, network: Network, select: Select) -> Measured | None:
    """Return the mean over layers of the rho that least squares would choose (an estimate).

    None where the records hold no histograms of the last epoch.
    """
    if tables.least_squares.empty:
        return None
    return by_trial(
        tables,
        network,
        select,
        lambda rows: of_each(rows, lambda part: float(part["least_squares_rho"].mean())),
        tables.final_scales()
        .astype({"trial_id": str})
        .merge(tables.least_squares, on=["trial_id", "layer_index"]),
    )


def of_each(rows: pd.DataFrame, value: Callable[[pd.DataFrame], float]) -> "pd.Series[float]":
    """Return a value of the rows of each trial."""
    found = {name: value(part) for name, part in rows.groupby("trial_id")}
    return pd.Series(found, dtype=float)


def by_trial(
    tables: Tables,
    network: Network,
    select: Select,
    values: Callable[[pd.DataFrame], "pd.Series[float]"],
    scales: pd.DataFrame,
) -> Measured | None:
    """Return the value of each trial that has one, from the rows of its layers that count."""
    if scales.empty:
        return None
    trials = one_recipe(finished(tables, network, select)).sort_values("seed")["trial_id"]
    mine = scales[scales["trial_id"].isin(trials)]
    if mine.empty:
        return None
    by_trial = values(fed_layers_of_each(mine)).dropna().to_dict()
    found = {trial: float(by_trial[trial]) for trial in trials if trial in by_trial}
    return Measured(tuple(found.values()), tuple(found)) if found else None
