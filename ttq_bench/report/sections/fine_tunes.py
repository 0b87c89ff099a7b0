"""The spread of errors between parents and between fine-tunes of one parent, in a sentence each."""

from collections.abc import Iterator

from ttq_bench.analysis.gains import TTQ
from ttq_bench.analysis.measured import networks
from ttq_bench.analysis.tables import Tables
from ttq_bench.analysis.variance import fine_tune_split


def fine_tune_spread(tables: Tables) -> Iterator[str]:
    """Yield a paragraph for each setting in which a parent was fine-tuned more than once."""
    for network in networks(tables):
        split = fine_tune_split(tables, network, TTQ)
        if split is None:
            continue
        yield (
            f"**{network}, {TTQ[0]} {TTQ[1]}:** the test error varies by {split.between:.2f} points"
            f" between parents and by {split.within:.2f} between fine-tunes of one parent, which"
            f" differ in the order of batches and in crops (standard deviations, {split.seeds}"
            f" parents, {split.values} fine-tunes of each)."
        )
        yield ""
