"""How much smaller the weights of a network get at two bits each: claim Z1, by counting.

A quantized layer takes two bits a weight, rounded up to whole bytes, and two scales in single
precision; all other parameters stay in single precision. Running statistics are no parameters and
are not counted.
"""

import pandas as pd

from ttq_bench.analysis.measured import Measured, Network, finished, one_recipe
from ttq_bench.analysis.tables import Tables

SINGLE_BYTES = 4
CODES_A_BYTE = 4


def layer_compression(tables: Tables, network: Network) -> Measured | None:
    """Return bytes before over bytes after, of the quantized layers alone."""
    return _compression(tables, network, whole=False)


def network_compression(tables: Tables, network: Network) -> Measured | None:
    """Return bytes before over bytes after, of all parameters."""
    return _compression(tables, network, whole=True)


def _compression(tables: Tables, network: Network, *, whole: bool) -> Measured | None:
    trials = finished(tables, network, ("ttq", ""))
    trials = one_recipe(trials[trials["granularity"] != "channel"])
    if trials.empty or tables.scales.empty:
        return None
    trial = trials.iloc[0]
    rows = tables.scales[tables.scales["trial_id"] == trial["trial_id"]]
    if rows.empty:
        return None
    counts: pd.Series[int] = rows[rows["epoch"] == 0]["weight_count"]
    quantized, scales = int(counts.sum()), 2 * len(counts)
    packed = sum(-(-int(count) // CODES_A_BYTE) for count in counts) + scales * SINGLE_BYTES
    # The trial counts the scales as parameters; the network before had none.
    others = int(trial["parameter_count"]) - quantized - scales
    rest = SINGLE_BYTES * others if whole else 0
    ratio = (SINGLE_BYTES * quantized + rest) / (packed + rest)
    return Measured((ratio,), (str(trial["trial_id"]),), counted=True)
