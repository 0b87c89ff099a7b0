"""Error against the share of zeros, for claims S1 and S2: one value a seed.

The sweep over shares of zeros (``constant_sparsity``) is the curve; trials with a fixed threshold
(``max_fraction``) are compared with the point of that curve that has about as many zeros.
"""

from collections.abc import Callable
from dataclasses import replace

import pandas as pd

from ttq_bench.analysis.comparison import ERROR
from ttq_bench.analysis.margins import MATCHED
from ttq_bench.analysis.measured import Measured, Network, finished
from ttq_bench.analysis.tables import Tables

DENSE = 0.05  # at most this share of zeros counts as none
MIDDLE = (0.3, 0.5)  # where the paper sees the lowest error
SPARSE = 0.8
DIGITS = 2  # a share is rounded to these before it is compared: whole weights make 0.299995 of 0.3
PAPERS_MIDDLE = "30-50 %"


def sweep(tables: Tables, network: Network, strategy: str) -> pd.DataFrame:
    """Return the TTQ trials of one delta strategy, with all its numbers, of one recipe."""
    rows = _points(tables, network, strategy)
    counts = rows["recipe"].value_counts().sort_index()
    return rows[rows["recipe"] == counts.idxmax()] if len(rows) else rows


def _points(tables: Tables, network: Network, strategy: str) -> pd.DataFrame:
    """Return the TTQ trials of one delta strategy of every recipe, by seed and sparsity.

    Trials whose number moved during training, or whose threshold was computed once an epoch only,
    have another strategy and are left out.
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


def of_most_seeds(rows: pd.DataFrame, point: str) -> pd.DataFrame:
    """Return the points that most seeds have, of these seeds alone: no mean mixes sets of points.

    ``rows`` have columns ``seed`` and ``point``, each point once a seed. Candidates are the sets of
    points of each seed. Of sets that as many seeds have the largest is used, then the first.
    """
    by_seed = rows.groupby("seed")[point].agg(frozenset)
    if by_seed.empty:
        return rows
    sets = sorted(set(by_seed), key=lambda points: (-len(points), sorted(points)))
    best = max(sets, key=lambda points: sum(points <= others for others in by_seed))
    seeds = by_seed.index[[best <= others for others in by_seed]]
    return rows[rows["seed"].isin(seeds) & rows[point].isin(best)]


def threshold_gain(tables: Tables, network: Network) -> Measured | None:
    """Return the error at a fixed share of zeros minus that at a fixed threshold, in points.

    For each seed this is the mean over the thresholds whose share of zeros is within ``MATCHED`` of
    a point of the curve; seeds with other pairs of points are left out (``of_most_seeds``). Nothing
    is interpolated: between distant points a chord lies far above a bent curve. All trials have the
    recipe of the curve. The other readings are tolerances from half to twice ``MATCHED``.
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
    """Return each threshold with the point of the curve that has the nearest share of zeros."""
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
