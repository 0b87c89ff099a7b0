"""Error against sparsity: what claims S1 and S2 say of its course, one value a seed.

The sweep over shares of zeros (``constant_sparsity``) is the curve; trials under ``max_fraction``
are compared with it at their own sparsity, between whose neighbours it is read off linearly.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from ttq_bench.analysis.comparison import ERROR
from ttq_bench.analysis.measured import Measured, Network, finished
from ttq_bench.analysis.tables import Tables

DENSE = 0.05  # at most this share of zeros counts as none
MIDDLE = (0.3, 0.5)  # where the paper sees the lowest error
SPARSE = 0.8
DIGITS = 2  # of a share beside these bounds: whole weights make 0.299995 of 0.3
FEWEST_POINTS = 2


def sweep(tables: Tables, network: Network, strategy: str) -> pd.DataFrame:
    """Return the TTQ trials of one delta strategy, all its numbers, under one recipe."""
    rows = _points(tables, network, strategy)
    counts = rows["recipe"].value_counts().sort_index()
    return rows[rows["recipe"] == counts.idxmax()] if len(rows) else rows


def _points(tables: Tables, network: Network, strategy: str) -> pd.DataFrame:
    """Return the TTQ trials of one delta strategy under every recipe, by seed and sparsity.

    A number that moved during training (``0 to 0.5 in 3 epochs``) is another strategy.
    """
    rows = finished(tables, network, ("ttq", ""))
    rows = rows[rows["strategy"].str.match(rf"{strategy}\([^ ,]+\)").astype(bool)]
    return rows.astype({"sparsity": float}).sort_values(["seed", "sparsity"])


def fall(tables: Tables, network: Network) -> Measured | None:
    """Return the error without zeros minus that at 30 to 50 % of zeros, in points."""
    return _contrast(tables, network, lambda curve: curve[curve["share"] <= DENSE].head(1))


def rise(tables: Tables, network: Network) -> Measured | None:
    """Return the error at the most zeros (at least 80 %) minus that at 30 to 50 %, in points."""
    return _contrast(tables, network, lambda curve: curve[curve["share"] >= SPARSE].tail(1))


def _contrast(
    tables: Tables, network: Network, end: Callable[[pd.DataFrame], pd.DataFrame]
) -> Measured | None:
    values, trials = [], []
    points = sweep(tables, network, "constant_sparsity")
    for _, curve in points.assign(share=points["sparsity"].round(DIGITS)).groupby("seed"):
        ends, middles = end(curve), curve[curve["share"].between(*MIDDLE)]
        if len(ends) and len(middles):
            values.append(float(ends[ERROR].iloc[0] - middles[ERROR].mean()))
            trials += [*ends["trial_id"], *middles["trial_id"]]
    return Measured(tuple(values), tuple(trials)) if values else None


def threshold_gain(tables: Tables, network: Network) -> Measured | None:
    """Return the error at a fixed share of zeros minus that at a fixed threshold, in points.

    For each seed the mean over its thresholds, each at its own sparsity within the curve's span.
    Both are of one recipe, that of the curve.
    """
    points = sweep(tables, network, "constant_sparsity")
    curves = dict(list(points.groupby("seed")))
    thresholds = _points(tables, network, "max_fraction")
    values, trials = [], []
    for seed, mine in thresholds[thresholds["recipe"].isin(points["recipe"])].groupby("seed"):
        curve = curves.get(seed)
        if curve is None or len(curve) < FEWEST_POINTS:
            continue
        shares = curve["sparsity"]
        inside = mine[mine["sparsity"].between(shares.min(), shares.max())]
        if len(inside):
            there = np.interp(inside["sparsity"], shares, curve[ERROR])
            values.append(float((there - inside[ERROR]).mean()))
            trials += [*inside["trial_id"], *curve["trial_id"]]
    return Measured(tuple(values), tuple(trials)) if values else None
