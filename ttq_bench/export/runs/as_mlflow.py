"""Runs in an MLflow tracking store: an experiment, a run a trial. Needs ``mlflow-skinny``.

A run of ours is known by its tag ``ttq_bench.trial_id``. One that holds the same record is left as
it is; one of an older record, or one whose export was killed, goes to MLflow's trash, where it can
be restored, and is written anew. Runs without the tag are never touched.
"""

import itertools
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ttq_bench.errors import TtqBenchError
from ttq_bench.export.runs.run import Run
from ttq_bench.text import one_line, without_credentials

EXPERIMENT = "ttq_bench"
TRIAL_TAG, SEAL_TAG = "ttq_bench.trial_id", "ttq_bench.seal_sha256"
METRICS_AT_ONCE, PARAMETERS_AT_ONCE = 1_000, 100  # the most that MLflow takes in one request


def write_mlflow(uri: str, runs: Iterable[Run]) -> tuple[int, int]:
    """Write the runs; return how many were written, and how many were there already.

    Raises ``TtqBenchError`` where the store cannot be reached, or refuses a run; runs before it are
    written.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # it would tell its makers of the use
    from mlflow import MlflowClient  # an extra, and seconds
    from mlflow.exceptions import MlflowException

    written = unchanged = 0
    try:
        client = MlflowClient(tracking_uri=_address(uri))
        experiment = _experiment(client)
        for run in runs:
            if _is_there(client, experiment, run):
                unchanged += 1
                continue
            _write(client, experiment, run)
            written += 1
    except (MlflowException, OSError) as error:
        reason = one_line(str(error), 300)
        raise TtqBenchError(
            f"--mlflow {without_credentials(uri)}: MLflow says: {reason}; name a store that is"
            " there, for example sqlite:///runs.db or http://127.0.0.1:5000"
        ) from error
    return written, unchanged


def _address(uri: str) -> str:
    """Return the URI; the folder of a file of SQLite is made, as that of any other output."""
    if uri.startswith("sqlite:///"):
        Path(uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    return uri


def _experiment(client: Any) -> str:
    experiment = client.get_experiment_by_name(EXPERIMENT)
    if experiment is None:
        return str(client.create_experiment(EXPERIMENT))
    if experiment.lifecycle_stage != "active":
        raise TtqBenchError(
            f"the experiment {EXPERIMENT!r} lies in MLflow's trash; restore it"
            f" (mlflow experiments restore --experiment-id {experiment.experiment_id})"
        )
    return str(experiment.experiment_id)


def _is_there(client: Any, experiment: str, run: Run) -> bool:
    """Return whether the store holds the run; older and half-written ones go to its trash."""
    stored = client.search_runs([experiment], f"tags.`{TRIAL_TAG}` = '{run.trial_id}'")
    same = [
        old
        for old in stored
        if old.info.status != "RUNNING" and old.data.tags.get(SEAL_TAG) == run.seal_sha256
    ]
    for old in stored:
        if old not in same[:1]:
            client.delete_run(old.info.run_id)
    return bool(same)


def _write(client: Any, experiment: str, run: Run) -> None:
    from mlflow.entities import Metric, Param

    tags = {**run.tags, "setting": run.setting, TRIAL_TAG: run.trial_id, SEAL_TAG: run.seal_sha256}
    began, ended = _milliseconds(run.began), _milliseconds(run.ended)
    run_id = client.create_run(
        experiment, start_time=began, tags=tags, run_name=run.trial_id
    ).info.run_id
    parameters = [Param(name, str(value)) for name, value in run.hyperparameters.items()]
    for first in range(0, len(parameters), PARAMETERS_AT_ONCE):
        client.log_batch(run_id, params=parameters[first : first + PARAMETERS_AT_ONCE])
    metrics = (
        Metric(name, value, _milliseconds(time), epoch) for name, epoch, value, time in run.points()
    )
    while batch := list(itertools.islice(metrics, METRICS_AT_ONCE)):
        client.log_batch(run_id, metrics=batch)
    client.set_terminated(run_id, "FINISHED" if run.is_finished else "FAILED", ended)


def _milliseconds(seconds: float) -> int:
    return round(1000 * seconds)
