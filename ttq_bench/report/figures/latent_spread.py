"""Histograms of latent weights, brought together over seeds."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ttq_bench.analysis.arms import Arm
from ttq_bench.analysis.tables import Tables, first_middle_last

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
    trials = tables.trials_of(arm)["trial_id"]
    mine, scales = (
        rows[rows["trial_id"].isin(trials)] for rows in (tables.histograms, tables.scales)
    )
    keys = ["trial_id", "epoch", "layer_index"]
    rows = mine.merge(scales[[*keys, "zero_share"]], on=keys)
    if rows.empty:
        return {}
    found: dict[str, dict[int, Spread]] = {}
    for index in first_middle_last(rows["layer_index"].unique()):
        layer = rows[rows["layer_index"] == index]
        by_epoch = {int(part["epoch"].iloc[0]): _spread(part) for _, part in layer.groupby("epoch")}
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
