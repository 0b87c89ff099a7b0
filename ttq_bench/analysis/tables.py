"""Records as tidy tables: one row a trial, an epoch, or a layer at an epoch.

Only rows with the same dataset, protocol, model, arm, strategy and recipe are averaged over seeds.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ttq_bench.analysis.accuracy_rows import trial_row
from ttq_bench.analysis.arms import GROUP, Arm, arm_of_rows
from ttq_bench.analysis.least_squares import least_squares_ratios
from ttq_bench.analysis.recorded import checked_probes, checked_records
from ttq_bench.analysis.recorded_tables import Keep, joined_tables
from ttq_bench.records.other_versions import LeftOut, split_by_version
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.probes import Probe, read_probes
from ttq_bench.records.schema import TrialRecord
from ttq_bench.records.store import read_failures
from ttq_bench.spec.trial import CONTINUED, FULL_PRECISION
from ttq_bench.ternary.methods import METHODS

Places = Mapping[Hashable, NDArray[np.intp]]  # of an arm's rows, by its values of ``GROUP``


@dataclass(frozen=True)
class Tables:
    """All that a report reads.

    ``trials`` has one row a trial; further fine-tunes of one parent in another order of batches are
    in ``repeats``, because they are no seeds of their own. ``histograms`` has, of newer records,
    the layers that figures show. ``probes`` are the measurements on trained weights. ``failures``
    are the trials whose last attempt failed. ``left_out`` names the records of other training
    versions, which are in no table. ``least_squares`` is what ``least_squares_ratios`` returns.
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
        """Results of measures that were computed from these tables; see ``measured.once``."""
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
        # Categories are compared as numbers, many times as fast as texts.
        trials = self.finished[keys].astype({"trial_id": rows["trial_id"].dtype})
        return rows.merge(trials, on="trial_id")

    def arms(self) -> list[Arm]:
        """Return the arms of all trials, diverged ones included, in the order of ``METHODS``."""
        return [] if self.trials.empty else self._arms

    @cached_property
    def _arms(self) -> list[Arm]:
        arms = [arm_of_rows(rows) for _, rows in self.trials.groupby(GROUP, sort=True)]
        names = list(dict.fromkeys([FULL_PRECISION, CONTINUED, *METHODS]))

        def key(arm: Arm) -> tuple[str, str, str, int, str, str]:
            rank = names.index(arm.arm) if arm.arm in names else len(names)
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
    indices = {} if rows.empty else rows.groupby(GROUP).indices
    return {names: np.asarray(places) for names, places in indices.items()}


def _only(rows: pd.DataFrame, places: Places, arm: Arm) -> pd.DataFrame:
    names = tuple(getattr(arm, key) for key in GROUP)
    return rows.iloc[places.get(names, np.array([], dtype=int))]


def load_tables(results: ResultsPaths, given: Sequence[TrialRecord] | None = None) -> Tables:
    """Return the tables of every record of the current training version in a results folder.

    ``given`` are its records where they have been read and checked already.
    """
    current, left_out = split_by_version(checked_records(results) if given is None else given)
    records = {record.trial_id: record for record in current}
    rows = pd.DataFrame([trial_row(record, records) for record in records.values()])
    trials, repeats = (rows.query(f"repeat {of} 0") if len(rows) else rows for of in ("==", ">"))
    probes = checked_probes(results, records, read_probes(results))
    scales = _joined(results, records, "scales.parquet")
    return Tables(
        trials=trials.reset_index(drop=True),
        repeats=repeats.reset_index(drop=True),
        epochs=_joined(results, records, "epochs.parquet"),
        scales=scales,
        histograms=_joined(results, records, "histograms.parquet", _of_shown_layers),
        probes=probes,
        failures=read_failures(results),
        left_out=left_out,
        least_squares=least_squares_ratios(results, _pairs_with_histograms(records), scales),
    )


def _pairs_with_histograms(records: dict[str, TrialRecord]) -> list[str]:
    """Return the finished trials that learn two scales a layer and recorded latent weights."""
    pairs = {name for name, method in METHODS.items() if method.scales == "learned_pair"}
    return [
        trial_id
        for trial_id, record in records.items()
        if record.reported_spec.arm in pairs
        and record.outcome == "finished"
        and "histograms.parquet" in record.table_sha256
    ]


def _joined(
    results: ResultsPaths, records: dict[str, TrialRecord], name: str, keep: Keep | None = None
) -> pd.DataFrame:
    having = [trial_id for trial_id, record in records.items() if name in record.table_sha256]
    joined = joined_tables(results, having, name, keep)
    if not joined.empty:  # the same categories in all tables, so that ids are compared as numbers
        joined["trial_id"] = joined["trial_id"].cat.set_categories(list(records))
    return joined


def first_middle_last(layers: Iterable[int]) -> list[int]:
    """Return the first, the middle and the last of the layer numbers, which figures show."""
    order = sorted(set(layers))
    return list(dict.fromkeys((order[0], order[len(order) // 2], order[-1])))


def _of_shown_layers(layers: NDArray[np.int64]) -> NDArray[np.bool_]:
    return np.isin(layers, first_middle_last(np.unique(layers)))
