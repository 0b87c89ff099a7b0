"""Error against sparsity: what claims S1 and S2 say of its course, one value a seed.

The sweep over shares of zeros (``constant_sparsity``) is the curve; trials under ``max_fraction``
are compared with the point of that curve that has about as many zeros.
"""

from collections.abc import Callable

import pandas as pd

from ttq_bench.analysis.comparison import ERROR
from ttq_bench.analysis.measured import Measured, Network, finished
from ttq_bench.analysis.tables import Tables

DENSE = 0.05  # at most this share of zeros counts as none
MIDDLE = (0.3, 0.5)  # where the paper sees the lowest error
SPARSE = 0.8
DIGITS = 2  # of a share beside these bounds: whole weights make 0.299995 of 0.3
MATCHED = 0.03  # of all weights; a threshold leaves as many zeros as it happens to


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
    points = sweep(tables, network, "constant_sparsity")
    points = points.assign(share=points["sparsity"].round(DIGITS))
    curves = [
        curve
        for _, curve in points.groupby("seed")
        if len(end(curve)) and curve["share"].between(*MIDDLE).any()
    ]
    if not curves:
        return None
    # Seeds of a sweep that is not whole have other points: only what all of them have is compared.
    common = set.intersection(*(set(curve["share"]) for curve in curves))
    values, trials = [], []
    for curve in (curve[curve["share"].isin(common)] for curve in curves):
        ends, middles = end(curve), curve[curve["share"].between(*MIDDLE)]
        if len(ends) and len(middles):
            values.append(float(ends[ERROR].iloc[0] - middles[ERROR].mean()))
            trials += [*ends["trial_id"], *middles["trial_id"]]
    return Measured(tuple(values), tuple(trials)) if values else None


def threshold_gain(tables: Tables, network: Network) -> Measured | None:
    """Return the error at a fixed share of zeros minus that at a fixed threshold, in points.

    For each seed the mean over its thresholds that have a share of zeros within ``MATCHED`` of
    their own. Nothing is interpolated: between distant points a chord lies far above a bent
    curve. Both are of one recipe, that of the curve.
    """
    points = sweep(tables, network, "constant_sparsity")
    thresholds = _points(tables, network, "max_fraction")
    thresholds = thresholds[thresholds["recipe"].isin(points["recipe"])]
    near = thresholds.merge(points, on=["seed", "recipe"], suffixes=("", "_curve"))
    near["distance"] = (near["sparsity"] - near["sparsity_curve"]).abs()
    near = near[near["distance"] <= MATCHED].sort_values("distance").drop_duplicates("trial_id")
    if near.empty:
        return None
    seeds = near["seed"].nunique()
    matched = near.groupby("strategy").filter(lambda rows: len(rows) == seeds).sort_values("seed")
    gains = (matched[f"{ERROR}_curve"] - matched[ERROR]).groupby(matched["seed"]).mean()
    trials = (*matched["trial_id"], *dict.fromkeys(matched["trial_id_curve"]))
    return Measured(tuple(map(float, gains)), tuple(map(str, trials))) if len(gains) else None
