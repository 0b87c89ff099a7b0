"""Arms at their own best learning rate, where a setting trained them at several.

Methods differ by what one step does to their weights, so that one common rate suits some of them.
The rate is chosen on validation error, which no verdict reads: the mean at the last epoch over the
seeds that have every rate. A best rate at an end of those tried is no best rate yet.
"""

import pandas as pd

FEWEST_RATES = 3
VALIDATION = "final_validation_error_percent"


def at_own_rates(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the trials of one arm at their best rate, all of them where there is no choice.

    Trials that differ in nothing but seed and rate are chosen from together.
    Chosen ones get the columns ``recipe`` and ``budget`` without the rate, so that arms at their
    own rates can be paired, and ``rate_choice``: *inside* the rates tried, or at an *end* of them.
    """
    if rows.empty:
        return rows.assign(rate_choice="")
    parts = [_chosen(part) for _, part in rows.groupby(["family", "strategy"], sort=False)]
    return pd.concat(parts).sort_index()


def _chosen(rows: pd.DataFrame) -> pd.DataFrame:
    table = rows.pivot_table(index="seed", columns="learning_rate", values=VALIDATION).dropna()
    if table.empty or table.shape[1] < FEWEST_RATES:
        return rows.assign(rate_choice="")
    means = table.mean()
    best = means.idxmin()
    is_end = best in (means.index.min(), means.index.max())
    return rows[rows["learning_rate"] == best].assign(
        recipe=rows["family"],
        budget=rows["budget_family"],
        rate_choice="end" if is_end else "inside",
    )
