"""The ratio of the two scales that least squares would choose, from the recorded histograms.

For given codes, the pair of scales that is nearest to the latent weights is the mean |latent| of
the positive set and that of the negative set. Histograms have the latent weights in bins, so the
ratio is an estimate: the set of a sign is taken to be its largest weights, as many as the recorded
share, and weights to be spread evenly within a bin. Letters: L layers of trials, B bins of a sign.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ttq_bench.analysis.recorded_tables import joined_tables
from ttq_bench.records.paths import ResultsPaths

Numbers = NDArray[np.float64]
AT_ONCE = 100  # trials whose histograms are in memory together
KEYS = ["trial_id", "epoch", "layer_index"]
COLUMNS = ["trial_id", "layer_index", "least_squares_rho"]


def least_squares_ratios(
    results: ResultsPaths, trial_ids: Sequence[str], scales: pd.DataFrame
) -> pd.DataFrame:
    """Return for each layer ln(mean |latent| of the positive set / of the negative set).

    At the last epoch of ``scales``, where there is a histogram of it. Columns: trial_id,
    layer_index, least_squares_rho (NaN where one of the sets is empty).
    """
    parts = list(_parts(results, trial_ids, scales)) if len(scales) else []
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)


def _parts(
    results: ResultsPaths, trial_ids: Sequence[str], scales: pd.DataFrame
) -> Iterator[pd.DataFrame]:
    last = scales[scales["epoch"] == scales.groupby("trial_id")["epoch"].transform("max")]
    sides = last[[*KEYS, "weight_count", "positive_share", "negative_share"]]
    sides = sides.astype({"trial_id": str})
    for first in range(0, len(trial_ids), AT_ONCE):
        rows = joined_tables(results, trial_ids[first : first + AT_ONCE], "histograms.parquet")
        if rows.empty:
            continue
        rows = rows.astype({"trial_id": str}).merge(sides, on=KEYS)
        for bins in map(int, rows["bins"].unique()):
            if bins % 2 == 0:  # else zero lies within a bin
                of_bins = rows[rows["bins"] == bins]
                yield _ratios(of_bins.sort_values([*KEYS, "bin"]), bins)


def _ratios(rows: pd.DataFrame, bins: int) -> pd.DataFrame:
    layers = rows.drop_duplicates(KEYS)
    counts = rows["count"].to_numpy(float).reshape(len(layers), bins)
    sizes = layers[["weight_count"]].to_numpy(float)
    wanted = layers[["positive_share", "negative_share"]].to_numpy(float) * sizes
    half = bins // 2
    positive = mean_of_largest(counts[:, half:], wanted[:, 0])
    negative = mean_of_largest(counts[:, :half][:, ::-1], wanted[:, 1])
    ratio = np.log(positive) - np.log(negative)  # the reach of the histogram cancels
    return layers[COLUMNS[:2]].assign(least_squares_rho=ratio)


def mean_of_largest(counts: Numbers, wanted: Numbers) -> Numbers:
    """Return the mean magnitude of the ``wanted`` [L] largest weights of one sign, over the reach.

    ``counts`` [L, B] are from zero outwards. NaN where none is wanted, or there are no weights.
    """
    half = counts.shape[1]
    outer = np.cumsum(counts[:, ::-1], axis=1)[:, ::-1] - counts  # weights beyond each bin
    taken = np.clip(wanted[:, None] - outer, 0, counts)
    part = np.divide(taken, counts, out=np.zeros_like(counts), where=counts > 0)
    magnitude = (np.arange(1, half + 1) - part / 2) / half  # of the taken, outer part of a bin
    total = taken.sum(axis=1)
    mean = np.full(len(counts), np.nan)
    np.divide((taken * magnitude).sum(axis=1), total, out=mean, where=total > 0)
    return mean
