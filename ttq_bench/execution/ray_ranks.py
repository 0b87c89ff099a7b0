"""A trial on several workers of Ray Train: rank 0 is an attempt like any other, the rest follow.

Ray Train places them, all or none, and lets them find each other; it retries nothing. When one of
them goes, the others are ended with it, and the scheduler starts an attempt that goes on at the
last checkpoint.
"""

import contextlib
import os
import tempfile
from dataclasses import replace
from typing import Any

import ray
from ray import exceptions
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from ttq_bench.errors import TtqBenchError
from ttq_bench.execution.outcome import Cause, Ended, cause_of
from ttq_bench.execution.ray_images import Parcel, received
from ttq_bench.execution.settings import RunSettings
from ttq_bench.records.attempts import End, newest_number, note_end
from ttq_bench.records.mirror import kept_in
from ttq_bench.records.paths import ResultsPaths
from ttq_bench.records.store import write_failure
from ttq_bench.suite.spec import TrialSpec

# Of Ray Train: it would change the folder in which a trial runs, and count for a dashboard.
QUIET = {"RAY_CHDIR_TO_TRIAL_DIR": "0", "RAY_TRAIN_METRICS_ENABLED": "0"}
GONE = "a rank of it is gone"
NODE_LOST = (
    exceptions.NodeDiedError,
    exceptions.ObjectLostError,
    exceptions.LocalRayletDiedError,
    exceptions.GetTimeoutError,
)


class RankFailedError(Exception):
    """The attempt of rank 0 failed; ``args`` is how, so that it travels between processes."""


def near_driver() -> NodeAffinitySchedulingStrategy:
    """Return where the task belongs that waits for the ranks: it lives as long as the driver."""
    return NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)


def train_together(
    spec: TrialSpec, settings: RunSettings, gone: list[str], parcel: Parcel | None
) -> Ended:
    """Train the trial on ``settings.ranks`` workers, none on a node of ``gone``; say how it ended.

    Returns when rank 0 has recorded it, or when one of them failed.
    """
    os.environ.update(QUIET)
    from ray.train import LoggingConfig, RunConfig, ScalingConfig, TrainingFailedError
    from ray.train.torch import TorchConfig, TorchTrainer

    on_gpu = settings.device == "cuda"
    needs = {"CPU": float(settings.threads)} | ({"GPU": 1.0} if on_gpu else {})
    paths = ResultsPaths(settings.results).trial(spec.trial_id)
    before = newest_number(paths)
    with tempfile.TemporaryDirectory() as scratch:  # Ray Train's own notes; states are kept by us
        trainer = TorchTrainer(
            _train_rank,  # type: ignore[arg-type]
            train_loop_config={"spec": spec, "settings": settings, "parcel": parcel},
            torch_config=TorchConfig(backend="cpu:gloo,cuda:nccl" if on_gpu else "gloo"),
            scaling_config=ScalingConfig(  # type: ignore[call-arg]
                num_workers=settings.ranks,
                use_gpu=on_gpu,
                resources_per_worker=needs,
                label_selector={"ray.io/node-id": f"!in({','.join(gone)})"} if gone else None,
            ),
            run_config=RunConfig(  # type: ignore[call-arg]
                name="ranks", storage_path=scratch, logging_config=LoggingConfig("CRITICAL")
            ),
        )
        try:
            ended = trainer.fit().return_value  # type: ignore[attr-defined]
        except TrainingFailedError as error:
            return _failed(spec, settings, error, before)
    assert isinstance(ended, Ended)
    return ended


def _train_rank(config: dict[str, Any]) -> Ended | None:
    """Train as one of the ranks; rank 0 returns how the trial ended, or raises if it failed."""
    from ray.train import get_context

    from ttq_bench.execution.allocator import keep_freed_memory
    from ttq_bench.execution.attempt import attempt
    from ttq_bench.execution.teamwork import follow
    from ttq_bench.ranks import Ranks

    rank = get_context().get_world_rank()
    node = ray.get_runtime_context().get_node_id()
    settings = replace(received(config["parcel"], config["settings"]), rank=rank, node=node)
    if rank:
        keep_freed_memory()
        follow(config["spec"], settings, Ranks(rank, settings.ranks))
        return None
    ended = attempt(config["spec"], settings, lambda: False)
    if ended.outcome == "failed":  # raised, so that the others do not wait for this one
        raise RankFailedError(ended)
    return ended


def _failed(spec: TrialSpec, settings: RunSettings, error: Exception, before: int) -> Ended:
    """Return why the ranks failed; note it for readers where rank 0 did not.

    When one goes the others cannot go on, so that a crash is told only if nothing else is.
    """
    failures: dict[int, Exception] = getattr(error, "worker_failures", {})
    told = [_told(spec.trial_id, rank, one) for rank, one in sorted(failures.items())]
    unknown = Ended(spec.trial_id, "failed", GONE, "crash")
    ended = min([*told, unknown], key=lambda one: (one.cause == "crash", one.message == GONE))
    is_first = isinstance(failures.get(0), RankFailedError) and ended is told[0]
    failure = ended.message if ended.cause == "error" and not is_first else ""
    _note(spec, settings, before, End(ended.cause, "one of its ranks failed"), failure)
    return ended


def _told(trial_id: str, rank: int, error: Exception) -> Ended:
    """Return what the failure of one rank says of the trial."""
    death = getattr(error, "health_check_failure", None)  # then Ray Train missed its process
    if death is not None:
        return Ended(trial_id, "failed", f"rank {rank} died", cause_of_ray(death))
    if isinstance(error, RankFailedError):
        ended: Ended = error.args[0]
    else:
        words = str(error) if isinstance(error, TtqBenchError) else repr(error)
        ended = Ended(trial_id, "failed", f"rank {rank}: {words}", cause_of(error))
    return replace(ended, message=GONE) if ended.cause == "crash" else ended


def _note(spec: TrialSpec, settings: RunSettings, before: int, end: End, failure: str = "") -> None:
    results = ResultsPaths(settings.results)
    paths, folder = results.trial(spec.trial_id), kept_in(results, settings.url)
    with contextlib.suppress(OSError, TtqBenchError):  # for readers: it goes on without it
        if (number := newest_number(paths)) > before:
            note_end(paths.attempt(number), end, folder.create)
        if failure:
            write_failure(paths, failure, "", spec.resolved())
            folder.post(paths.failure)


def cause_of_ray(error: Exception) -> Cause:
    """Return the class of a failure that Ray tells of."""
    if isinstance(error, exceptions.OutOfMemoryError):
        return "memory"
    if isinstance(error, exceptions.OutOfDiskError):
        return "system"
    if isinstance(error, NODE_LOST):
        return "node"
    died = isinstance(error, exceptions.WorkerCrashedError | exceptions.ActorDiedError)
    return "crash" if died else "error"
