"""How much of the spread between seeds is the parent, and how much the fine-tuning itself.

Trials that differ in ``repeat`` alone start from one parent and see the batches in another order,
with other crops. Their spread is what pairing by parents cannot take away.
"""

import pandas as pd

from ttq_bench.analysis.arms import GROUP
from ttq_bench.analysis.comparison import ERROR
from ttq_bench.analysis.measured import Network, Select, finished, one_recipe
from ttq_bench.analysis.tables import Tables
from ttq_bench.analysis.variance import VarianceSplit, variance_split


def fine_tune_split(tables: Tables, network: Network, select: Select) -> VarianceSplit | None:
    """Return the deviations of the test error between parents and between fine-tunes, in points.

    Of the parents that were fine-tuned as often as most; None without two fine-tunes of one parent.
    """
    first = one_recipe(finished(tables, network, select))
    keys = [*GROUP, "seed", "parent", "start_weights"]
    if first.empty or tables.repeats.empty:
        return None
    others = tables.repeats[tables.repeats["outcome"] == "finished"]
    others = others.merge(first[keys], on=keys)
    table = pd.concat([first, others]).pivot_table(index="seed", columns="repeat", values=ERROR)
    whole = table.dropna()
    return variance_split(whole.to_numpy(float)) if whole.shape[1] > 1 and len(whole) else None
