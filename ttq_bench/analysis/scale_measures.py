"""Measures of the scales of one network, with rho = ln(W_p / W_n) of each layer.

How far apart they are, which one is larger, and whether the numbers of positive and negative
weights explain it. One value a seed, over the layers that feed batch normalisation, or over all
layers where none does.
"""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ttq_bench.analysis.measured import Measured, Network, Select, finished, once, one_recipe
from ttq_bench.analysis.statistics import estimate
from ttq_bench.analysis.systematic import signed_by_others, systematic_size
from ttq_bench.analysis.tables import Tables


def fed_layers(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of layers that feed batch normalisation, all of them where none does."""
    fed = rows[rows["feeds_batch_norm"] == "yes"]
    return fed if len(fed) else rows


def fed_layers_of_each(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of ``fed_layers`` of each trial."""
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
    return by_trial(tables, network, select, lambda rows: rows["rho"].abs().mean(skipna=False))


@once
def mean_rho(tables: Tables, network: Network, select: Select) -> Measured | None:
    """Return the mean of the signed rho over layers at the last epoch: above zero W_p is larger."""
    return by_trial(tables, network, select, lambda rows: rows["rho"].mean(skipna=False))


@once
def systematic(tables: Tables, network: Network, select: Select) -> Measured | None:
    """Return the systematic size of what training adds to rho; see ``systematic_size``.

    Its values are those of ``signed_by_others``. Another reading is the raw size, the mean
    |change|, which is never too small. Where the scales start unequal training may also bring them
    together: there the mean |rho| at the end is a third. A verdict needs all.
    """
    if tables.scales.empty:
        return None
    trials = one_recipe(finished(tables, network, select)).sort_values("seed")["trial_id"]
    scales = fed_layers_of_each(tables.scales[tables.scales["trial_id"].isin(trials)])
    by_seed = changes_of_rho(scales).reindex(trials).dropna()
    if by_seed.empty:
        return None
    changes = by_seed.to_numpy(float)
    sizes = {"the raw size, noise included": np.abs(changes).mean(axis=1)}
    _, last = _first_and_last(scales, "rho")
    ends = last.loc[by_seed.index].to_numpy(float)
    if not np.array_equal(ends, changes):
        sizes["the size at the end, that at the start included"] = np.abs(ends).mean(axis=1)
    return Measured(
        tuple(map(float, signed_by_others(changes))),
        tuple(map(str, by_seed.index)),
        interval=systematic_size(changes),
        readings=tuple((name, estimate(values)) for name, values in sizes.items()),
    )


def changes_of_rho(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rho at the last epoch minus that before the first step, [trials, layers].

    ``rows`` are scales at all epochs. A trial with a scale that is not positive has no row.
    """
    return _changes(rows, "rho")


def changes_of_size(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the change of ln of the common size sqrt(W_p W_n), as ``changes_of_rho`` does."""
    product = rows["positive_scale"] * rows["negative_scale"]
    positive = (rows["positive_scale"] > 0) & (rows["negative_scale"] > 0)
    return _changes(rows.assign(log_size=np.log(product.where(positive)) / 2), "log_size")


def _changes(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    if rows.empty:
        return pd.DataFrame()
    first, last = _first_and_last(rows, column)
    return (last - first).dropna()


def _first_and_last(rows: pd.DataFrame, column: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a column before the first step and at the last epoch, each as [trials, layers]."""
    rows = rows.astype({"trial_id": str}).sort_values("epoch")
    keys = ["trial_id", "layer_index"]
    first, last = (
        rows.drop_duplicates(keys, keep=end).set_index(keys)[column].unstack("layer_index")
        for end in ("first", "last")
    )
    return first, last


@once
def counts_slope(tables: Tables, network: Network, select: Select) -> Measured | None:
    """Return the slope through the origin of rho on ln(n_positive / n_negative), over layers.

    At -1 the scales undo the counts: W_p n_positive = W_n n_negative in each layer. A correlation
    would ignore what all layers have in common, which is most of rho and of the counts.
    """
    return by_trial(
        tables,
        network,
        select,
        lambda rows: slope_through_origin(log_counts(rows), rows["rho"].to_numpy(float)),
    )


def slope_through_origin(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return the least-squares slope of y = slope * x over pairs without NaN; NaN where x is 0."""
    known = np.isfinite(x) & np.isfinite(y)
    square = float(np.sum(x[known] ** 2))
    return float(np.sum(x[known] * y[known])) / square if square > 0 else math.nan


@once
def mean_log_counts(tables: Tables, network: Network, select: Select) -> Measured | None:
    """Return the mean of ln(n_positive / n_negative) over layers at the last epoch."""
    return by_trial(tables, network, select, lambda rows: log_counts(rows).mean())


@once
def least_squares_rho(tables: Tables, network: Network, select: Select) -> Measured | None:
    """Return the mean over layers of the rho that least squares would choose (an estimate).

    None where the records hold no histograms of the last epoch.
    """
    if tables.least_squares.empty:
        return None
    final = tables.final_scales.astype({"trial_id": str})
    scales = final.merge(tables.least_squares, on=["trial_id", "layer_index"])
    return by_trial(tables, network, select, lambda rows: rows["least_squares_rho"].mean(), scales)


def by_trial(
    tables: Tables,
    network: Network,
    select: Select,
    value: Callable[[pd.DataFrame], float],
    scales: pd.DataFrame | None = None,
) -> Measured | None:
    """Return ``value`` of the layers of each trial; a trial whose value is NaN is left out.

    The rows are those of ``scales``, without it the scales at the last epoch.
    """
    scales = tables.final_scales if scales is None else scales
    if scales.empty:
        return None
    trials = one_recipe(finished(tables, network, select)).sort_values("seed")["trial_id"]
    layers = fed_layers_of_each(scales[scales["trial_id"].isin(trials)])
    values = {trial: value(rows) for trial, rows in layers.groupby("trial_id")}
    known = pd.Series(values, dtype=float).reindex(trials).dropna()
    return Measured(tuple(map(float, known)), tuple(known.index)) if len(known) else None
