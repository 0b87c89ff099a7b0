"""Histograms of latent weights, brought together over seeds."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ttq_bench.analysis.tables import Arm, Tables

Shares = NDArray[np.float64]
VISIBLE = 0.999  # of the weights are in the frame


@dataclass(frozen=True, slots=True)
class Spread:
    """Latent weights of one layer at one epoch, over the largest magnitude there (``reach``).

    ``shares`` [bins] add up to 1; ``threshold`` and ``reach`` are means over seeds, the first in
    units of the second.
    """

    shares: Shares
    threshold: float
    reach: float
    seeds: int

    @property
    def edges(self) -> Shares:
        """Return the borders of the bins, [bins + 1] from -1 to 1."""
        return np.linspace(-1, 1, len(self.shares) + 1)

    @property
    def visible(self) -> float:
        """Return the magnitude within which nearly all weights lie, at most 1."""
        return float(min(1.0, 1.1 * max(magnitude_of_share(self.shares, VISIBLE), self.threshold)))


def latent_spreads(tables: Tables, arm: Arm) -> dict[str, dict[int, Spread]]:
    """Return the spreads of an arm's first, middle and last layer by name and epoch."""
    if tables.histograms.empty:
        return {}
    mine = tables.histograms["trial_id"].isin(tables.trials_of(arm)["trial_id"])
    keys = ["trial_id", "epoch", "layer_index", "layer"]
    rows = tables.histograms[mine].merge(tables.scales[[*keys, "zero_share"]], on=keys)
    order = sorted(rows["layer_index"].unique())
    if not order:
        return {}
    found: dict[str, dict[int, Spread]] = {}
    for index in dict.fromkeys((order[0], order[len(order) // 2], order[-1])):
        layer = rows[rows["layer_index"] == index]
        by_epoch = {int(epoch): _spread(part) for epoch, part in layer.groupby("epoch")}
        found[str(layer["layer"].iloc[0])] = by_epoch
    return found


def _spread(rows: pd.DataFrame) -> Spread:
    counts = rows.pivot(index="trial_id", columns="bin", values="count").to_numpy(float)
    shares = counts / counts.sum(axis=1, keepdims=True)
    trials = rows.drop_duplicates("trial_id").sort_values("trial_id")
    thresholds = map(magnitude_of_share, shares, trials["zero_share"])
    return Spread(
        shares.mean(axis=0),
        float(np.mean([*thresholds])),
        float(trials["reach"].mean()),
        len(trials),
    )


def magnitude_of_share(shares: Shares, share: float) -> float:
    """Return the magnitude, over the largest, below which ``share`` of the weights lie.

    With the share of zeros this is the threshold, whatever the latent weights were divided by
    before they met it; within a bin weights are taken as even.
    """
    half = len(shares) // 2
    inwards = shares[half:] + shares[:half][::-1]
    return float(np.interp(share, [0, *np.cumsum(inwards)], np.linspace(0, 1, half + 1)))
