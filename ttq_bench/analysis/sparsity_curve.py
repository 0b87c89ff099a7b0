"""Error against sparsity: what claims S1 and S2 say of its course, one value a seed.

The sweep over shares of zeros (``constant_sparsity``) is the curve; trials under ``max_fraction``
are compared with the point of that curve that has about as many zeros.
"""

from collections.abc import Callable
from dataclasses import replace

import pandas as pd

from ttq_bench.analysis.comparison import ERROR
from ttq_bench.analysis.margins import MATCHED
from ttq_bench.analysis.measured import Measured, Network, finished, of_most_seeds
from ttq_bench.analysis.tables import Tables

DENSE = 0.05  # at most this share of zeros counts as none
MIDDLE = (0.3, 0.5)  # where the paper sees the lowest error
SPARSE = 0.8
DIGITS = 2  # of a share beside these bounds: whole weights make 0.299995 of 0.3
PAPERS_MIDDLE = "30-50 %"


def sweep(tables: Tables, network: Network, strategy: str) -> pd.DataFrame:
    """Return the TTQ trials of one delta strategy, all its numbers, under one recipe."""
    rows = _points(tables, network, strategy)
    counts = rows["recipe"].value_counts().sort_index()
    return rows[rows["recipe"] == counts.idxmax()] if len(rows) else rows


def _points(tables: Tables, network: Network, strategy: str) -> pd.DataFrame:
    """Return the TTQ trials of one delta strategy under every recipe, by seed and sparsity.

    A number that moved during training, or a threshold that followed the weights once an epoch
    alone, is another strategy.
    """
    rows = finished(tables, network, ("ttq", ""))
    moves = rows["strategy_start"].notna() | (rows["strategy_update"] != "step")
    rows = rows[(rows["strategy_name"] == strategy) & ~moves]
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
    """Return the error at the end minus the mean at the middle, over seeds with the same points."""
    points = sweep(tables, network, "constant_sparsity")
    points = points.assign(share=points["sparsity"].round(DIGITS))
    middle = points["share"].between(*MIDDLE)
    parts = []
    for seed, curve in points.groupby("seed"):
        ends, middles = end(curve), curve[middle.loc[curve.index]]
        if len(ends) and len(middles):
            parts += [ends.assign(seed=seed, end=True), middles.assign(seed=seed, end=False)]
    if not parts:
        return None
    rows = of_most_seeds(pd.concat(parts).drop_duplicates(["seed", "share"]), "share")
    errors = rows.groupby(["seed", "end"])[ERROR].mean().unstack("end").dropna()
    if errors.empty:
        return None
    values = tuple(map(float, errors[True] - errors[False]))
    shares = sorted({f"{100 * share:.0f} %" for share in rows.loc[~rows["end"], "share"]})
    note = f"{PAPERS_MIDDLE} is {' and '.join(shares)} here"
    return Measured(values, tuple(map(str, rows["trial_id"])), note=note)


def threshold_gain(tables: Tables, network: Network) -> Measured | None:
    """Return the error at a fixed share of zeros minus that at a fixed threshold, in points.

    For each seed the mean over its thresholds that have a share of zeros within ``MATCHED`` of
    their own; seeds with other pairs of points are left out (``of_most_seeds``). Nothing is
    interpolated: between distant points a chord lies far above a bent curve. Both are of one
    recipe, that of the curve. The other readings are tolerances from half to twice ``MATCHED``.
    """
    pairs = _near_pairs(tables, network)
    usual = _gains(pairs[pairs["distance"] <= MATCHED])
    if usual is None:
        return None
    ends = sorted({d for d in pairs["distance"] if MATCHED / 2 <= d <= 2 * MATCHED} | {MATCHED / 2})
    others = ((limit, _gains(pairs[pairs["distance"] <= limit])) for limit in ends)
    readings = tuple(
        (f"a tolerance of {limit:.3f}", other.estimate)
        for limit, other in others
        if other is not None and other.values != usual.values
    )
    count = len(usual.trials) // 2 // len(usual.values)
    return replace(usual, readings=readings, note=f"{count} pairs of points a seed")


def _near_pairs(tables: Tables, network: Network) -> pd.DataFrame:
    """Return each threshold with the share of zeros that is nearest to its own, by distance."""
    points = sweep(tables, network, "constant_sparsity")
    thresholds = _points(tables, network, "max_fraction")
    thresholds = thresholds[thresholds["recipe"].isin(points["recipe"])]
    near = thresholds.merge(points, on=["seed", "recipe"], suffixes=("", "_curve"))
    # Rounded far below one weight, so that 0.63 is within 0.03 of 0.6.
    near["distance"] = (near["sparsity"] - near["sparsity_curve"]).abs().round(9)
    near["pair"] = near["strategy"].astype(str) + " / " + near["strategy_curve"].astype(str)
    return near.sort_values("distance").drop_duplicates("trial_id")


def _gains(pairs: pd.DataFrame) -> Measured | None:
    if pairs.empty:
        return None
    same = of_most_seeds(pairs, "pair").sort_values(["seed", "sparsity"])
    gains = (same[f"{ERROR}_curve"] - same[ERROR]).groupby(same["seed"]).mean()
    trials = (*same["trial_id"], *same["trial_id_curve"])
    return Measured(tuple(map(float, gains)), tuple(map(str, trials)))
