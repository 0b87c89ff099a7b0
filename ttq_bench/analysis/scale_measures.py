"""The scales of one network: how far apart, whether counts explain it, whether they settle.

One value a seed, over the layers that feed batch normalisation, or all layers where none does.
"""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ttq_bench.analysis.measured import Measured, Network, Select, finished, one_recipe
from ttq_bench.analysis.statistics import correlation
from ttq_bench.analysis.tables import Tables

SHARES = ["positive_share", "zero_share", "negative_share"]
ROWS = ["trial_id", "epoch", "layer_index", "feeds_batch_norm", "rho", *SHARES]


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


def mean_size(tables: Tables, network: Network, select: Select) -> Measured | None:
    """Return the mean of |rho| over layers at the last epoch."""
    return _by_trial(
        tables,
        network,
        select,
        lambda rows: _of_each(rows, lambda part: float(part["rho"].abs().mean(skipna=False))),
        tables.final_scales(),
    )


def growth(tables: Tables, network: Network, select: Select) -> Measured | None:
    """Return the mean of |rho| over layers at the last epoch minus that before the first step."""
    return _by_trial(tables, network, select, growths, tables.scales)


def growths(rows: pd.DataFrame) -> "pd.Series[float]":
    """Return the growth of the mean |rho| of each trial, NaN where a layer has no rho."""
    sizes = rows["rho"].abs().groupby([rows["trial_id"], rows["epoch"]]).mean(skipna=False)
    names = sizes.index.get_level_values("trial_id")
    first, last = sizes[~names.duplicated()], sizes[~names.duplicated(keep="last")]
    return last.droplevel("epoch") - first.droplevel("epoch")


def counts_correlation(tables: Tables, network: Network, select: Select) -> Measured | None:
    """Return Pearson's r over layers between rho and ln(n_positive / n_negative)."""
    return _by_trial(
        tables,
        network,
        select,
        lambda rows: _of_each(rows, _counts_correlation),
        tables.final_scales(),
    )


def _counts_correlation(rows: pd.DataFrame) -> float:
    return correlation(rows["rho"].to_numpy(float), log_counts(rows)).mean


def _of_each(rows: pd.DataFrame, value: Callable[[pd.DataFrame], float]) -> "pd.Series[float]":
    return pd.Series({name: value(part) for name, part in rows.groupby("trial_id")}, dtype=float)


def _by_trial(
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
    mine = scales.loc[scales["trial_id"].isin(trials), ROWS]
    if mine.empty:
        return None
    by_trial = values(fed_layers_of_each(mine)).dropna().to_dict()
    found = {trial: float(by_trial[trial]) for trial in trials if trial in by_trial}
    return Measured(tuple(found.values()), tuple(found)) if found else None


def settling(tables: Tables, network: Network, select: Select) -> Measured | None:
    """Return how much more of its movement the ratio of the scales keeps than the shares do.

    Movement in an epoch: half the sum of |change| of the three shares, and |change| of rho, for
    only the ratio of the scales acts where batch normalisation follows. What is kept: the mean
    over the last third of the epochs over that of the first third. Above zero the scales go on
    moving when the shares have settled (claim O1). A trial with a scale that is not positive in
    either third has no value.
    """
    return _by_trial(tables, network, select, _settling, tables.scales)


def _settling(rows: pd.DataFrame) -> "pd.Series[float]":
    return _of_each(rows.sort_values(["trial_id", "layer_index", "epoch"]), _kept)


def _kept(rows: pd.DataFrame) -> float:
    """Return what ``settling`` says of one trial, NaN where nothing moved at first."""
    shares, scales = _movements(rows)
    third = len(shares) // 3
    if third == 0 or not (shares[:third].mean() > 0 and scales[:third].mean() > 0):
        return math.nan
    kept = [moves[-third:].mean() / moves[:third].mean() for moves in (scales, shares)]
    return float(kept[0] - kept[1])


def _movements(rows: pd.DataFrame) -> NDArray[np.float64]:
    """Return the movement of shares and of scales in each epoch, means over layers: [2, epochs].

    ``rows`` are ordered by layer and epoch, and every layer has all epochs.
    """
    columns = rows[[*SHARES, "rho"]].to_numpy(float)
    layers = columns.reshape(rows["layer_index"].nunique(), -1, columns.shape[1])
    changes = np.abs(np.diff(layers, axis=1))  # [layers, epochs, columns]
    moves = np.stack([changes[..., :-1].sum(axis=-1) / 2, changes[..., -1]], axis=1)
    return np.asarray(moves.mean(axis=0), dtype=float)
