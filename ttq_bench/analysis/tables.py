"""Records as tidy tables: one row a trial, an epoch, or a layer at an epoch.

Rows are averaged over seeds only within one dataset, protocol, model, arm, strategy and recipe.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ttq_bench.analysis.accuracy_rows import CONTINUED, FULL_PRECISION, trial_row
from ttq_bench.analysis.arms import GROUP, Arm, arm_of_rows
from ttq_bench.analysis.least_squares import least_squares_ratios
from ttq_bench.analysis.recorded import checked_probes, checked_records
from ttq_bench.analysis.recorded_tables import Keep, joined_tables
from ttq_bench.records.other_versions import LeftOut, split_by_version
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.probes import Probe, read_probes
from ttq_bench.records.schema import TrialRecord
from ttq_bench.records.store import read_failures
from ttq_bench.ternary.methods import METHODS

Places = Mapping[Hashable, NDArray[np.intp]]  # of an arm's rows, by its values of ``GROUP``


@dataclass(frozen=True)
class Tables:
    """All that a report reads. ``failures`` are trials whose last attempt failed.

    ``histograms`` holds, of newer records, the layers that figures show; ``probes`` what was
    measured on trained weights; ``least_squares`` what scales chosen by least squares would be, see
    its module; ``left_out`` names the records of other training versions, which are in none of
    these. ``repeats`` are further fine-tunes of one parent in another order of batches: they are no
    seeds of their own, so that ``trials`` has the first of each alone.
    """

    trials: pd.DataFrame
    repeats: pd.DataFrame
    epochs: pd.DataFrame
    scales: pd.DataFrame
    histograms: pd.DataFrame
    probes: list[Probe]
    failures: list[dict[str, str]]
    left_out: LeftOut
    least_squares: pd.DataFrame

    @cached_property
    def finished(self) -> pd.DataFrame:
        """Trials that have errors (all but the diverged ones)."""
        if self.trials.empty:
            return self.trials
        return self.trials[self.trials["outcome"] == "finished"]

    @cached_property
    def recorded(self) -> pd.DataFrame:
        """All trials that have a record, repeats too."""
        both = [rows for rows in (self.trials, self.repeats) if len(rows)]
        return pd.concat(both, ignore_index=True) if both else self.trials

    @cached_property
    def answers(self) -> dict[Hashable, Any]:
        """What was computed from these tables already, see ``once``."""
        return {}

    def trial_ids(self) -> set[str]:
        """Return the ids of all trials that have a record."""
        return set() if self.recorded.empty else set(self.recorded["trial_id"])

    @cached_property
    def final_scales(self) -> pd.DataFrame:
        """The scales at the last epoch of each finished trial, with columns of the trial joined."""
        if self.scales.empty:
            return self.scales
        last = self.scales.groupby("trial_id")["epoch"].transform("max")
        rows = self.scales[self.scales["epoch"] == last]
        keys = ["trial_id", "parent", "seed", *GROUP]
        # As the same categories, which are numbers: texts take many times as long to compare.
        trials = self.finished[keys].astype({"trial_id": rows["trial_id"].dtype})
        return rows.merge(trials, on="trial_id")

    def arms(self) -> list[Arm]:
        """Return the arms of all trials, diverged ones included, in the order of ``METHODS``."""
        if self.trials.empty:
            return []
        arms = [arm_of_rows(rows) for _, rows in self.trials.groupby(GROUP, sort=True)]
        names = dict.fromkeys([FULL_PRECISION, CONTINUED, *METHODS])
        ranks = {name: rank for rank, name in enumerate(names)}

        def key(arm: Arm) -> tuple[str, str, str, int, str, str]:
            rank = ranks.get(arm.arm, len(ranks))
            return arm.dataset, arm.protocol, arm.model, rank, arm.arm, arm.strategy

        return sorted(arms, key=key)

    def networks(self) -> list[list[Arm]]:
        """Return the arms of each dataset, protocol and model: what one figure compares."""
        return [
            list(arms)
            for _, arms in groupby(self.arms(), key=lambda a: (a.dataset, a.protocol, a.model))
        ]

    def trials_of(self, arm: Arm) -> pd.DataFrame:
        """Return the finished trials of one arm."""
        return _only(self.finished, self._places, arm)

    @cached_property
    def _places(self) -> Places:
        return _places(self.finished)

    def final_scales_of(self, arm: Arm) -> pd.DataFrame:
        """Return the final scales of one arm."""
        return _only(self.final_scales, self._final_places, arm)

    @cached_property
    def _final_places(self) -> Places:
        return _places(self.final_scales)


def _places(rows: pd.DataFrame) -> Places:
    found = {} if rows.empty else rows.groupby(GROUP).indices
    return {names: np.asarray(places) for names, places in found.items()}


def _only(rows: pd.DataFrame, places: Places, arm: Arm) -> pd.DataFrame:
    names = tuple(getattr(arm, key) for key in GROUP)
    return rows.iloc[places.get(names, np.array([], dtype=int))]


def load_tables(results: ResultsPaths, given: Sequence[TrialRecord] | None = None) -> Tables:
    """Return the tables of every record in a results folder that is of the training version.

    ``given`` are its records where they have been read and checked already.
    """
    current, left_out = split_by_version(checked_records(results) if given is None else given)
    records = {record.trial_id: record for record in current}
    rows = pd.DataFrame([trial_row(record, records) for record in records.values()])
    trials, repeats = (rows.query(f"repeat {of} 0") if len(rows) else rows for of in ("==", ">"))
    probes = checked_probes(results, records, read_probes(results))
    scales = _joined(results, records, "scales.parquet")
    return Tables(
        trials.reset_index(drop=True),
        repeats.reset_index(drop=True),
        _joined(results, records, "epochs.parquet"),
        scales,
        _joined(results, records, "histograms.parquet", _of_shown_layers),
        probes,
        read_failures(results),
        left_out,
        least_squares_ratios(results, _pairs_with_histograms(records), scales),
    )


def _pairs_with_histograms(records: dict[str, TrialRecord]) -> list[str]:
    """Return the trials that learn two scales a layer and have recorded latent weights."""
    found = []
    for trial_id, record in records.items():
        quantization = record.reported_spec.quantization
        method = METHODS.get(quantization.method) if quantization else None
        pair = method is not None and method.scales == "learned_pair"
        if pair and record.outcome == "finished" and "histograms.parquet" in record.table_sha256:
            found.append(trial_id)
    return found


def _joined(
    results: ResultsPaths, records: dict[str, TrialRecord], name: str, keep: Keep | None = None
) -> pd.DataFrame:
    having = [trial_id for trial_id, record in records.items() if name in record.table_sha256]
    joined = joined_tables(results, having, name, keep)
    if not joined.empty:  # all tables name trials by the same categories: comparing them is cheap
        joined["trial_id"] = joined["trial_id"].cat.set_categories(list(records))
    return joined


def first_middle_last(layers: Iterable[int]) -> list[int]:
    """Return three of the layer numbers, fewer where there are fewer: the layers of figures."""
    order = sorted(set(layers))
    return list(dict.fromkeys((order[0], order[len(order) // 2], order[-1])))


def _of_shown_layers(layers: NDArray[np.int64]) -> NDArray[np.bool_]:
    return np.isin(layers, first_middle_last(np.unique(layers)))
