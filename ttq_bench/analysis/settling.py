"""Claim O1: whether the shares of +, 0 and - settle while the scales keep moving.

One value a seed, over the layers that feed batch normalisation, or over all where none does.
"""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ttq_bench.analysis.measured import CONSTANT_RATE, Measured, Network, Select
from ttq_bench.analysis.scale_measures import by_trial
from ttq_bench.analysis.tables import Tables

SHARES = ["positive_share", "zero_share", "negative_share"]


def settling(tables: Tables, network: Network, select: Select) -> Measured | None:
    """Return how much more of its movement the ratio of the scales keeps than the shares do.

    The movement in an epoch is half the sum of |change| of the three shares, and |change| of rho:
    where batch normalisation follows only the ratio of the scales acts. The movement kept is the
    mean over the last third of the epochs, divided by that over the first third. Above zero the
    scales go on moving when the shares have settled (claim O1). A trial with a scale that is not
    positive in either third has no value. Under a falling learning rate everything settles, so the
    claim needs a constant rate.
    """
    measured = by_trial(tables, network, select, _kept, tables.scales)
    if measured is None or not _at_constant_rate(tables, measured.trials):
        return measured
    return replace(measured, meets=(CONSTANT_RATE,))


def _at_constant_rate(tables: Tables, trials: tuple[str, ...]) -> bool:
    """Whether no trial's learning rate changed from one epoch to another."""
    epochs = tables.epochs[tables.epochs["trial_id"].isin(trials)]
    rates = epochs.groupby("trial_id", observed=True)["learning_rate"].nunique()
    return len(rates) == len(trials) and bool((rates == 1).all())


def _kept(rows: pd.DataFrame) -> float:
    """Return what ``settling`` says of one trial, NaN where nothing moved at first."""
    shares, scales = _movements(rows.sort_values(["layer_index", "epoch"]))
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
